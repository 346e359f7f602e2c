"""Define the settings of the site's applications for users' servers, and the path of the file that
lists the tested applications.

`make applications_check` writes the file, and a user's server reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..site import Site


def application_settings(site: Site, prefix: Path) -> dict[str, Any]:
    """Return the settings with which a server starts the site's applications; {} if the site has no
    applications."""
    if not site.server.applications:
        return {}
    settings = [
        {
            "key": one.key,
            "title": one.title,
            "command": list(one.command),
            "modules": list(one.modules),
            "icon": str(one.icon or ""),
            "timeout": one.timeout,
            "keep_path": one.keep_path,
        }
        for one in site.server.applications
    ]
    return {"applications": settings, "tested_applications": str(record_path(prefix))}


def record_path(prefix: Path) -> Path:
    """Return the path of the file with the digest of each application that has passed its test."""
    return prefix / "applications.json"
