"""Define what a server's job learns about its image, and where the image's test is recorded.

`make apply` writes the settings to gate.json. `make images_check` writes the record. The session
in the job reads both (session/container.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..site import Site
from ..site.images import Image


def record_path(prefix: Path, key: str) -> Path:
    """Return the path of the record of an image's test, in the prefix of the servers."""
    return prefix / "images" / f"{key}.json"


def describe_images(site: Site) -> str:
    """Return one line about the tests of the images; empty if the site has none."""
    if not site.server.images:
        return ""
    if site.slurm.ssh:
        return "tested on the cluster; make images_check there"
    keys = [image.key for image in site.server.images]
    missing = [key for key in keys if not record_path(site.paths.prefix, key).exists()]
    told = f"{len(keys) - len(missing)} of {len(keys)} tested"
    return told + (f"; not tested: {', '.join(missing)}; make images_check" if missing else "")


def image_settings(site: Site, image: Image, prefix: Path) -> dict[str, Any]:
    """Return the settings with which a session runs this image.

    Raises ValueError if the site has no engine. A site with images always has one.
    """
    if site.server.containers is None:
        raise ValueError("no engine")
    return {
        "key": image.key,
        "engine": site.server.containers.engine,
        "program": str(site.server.containers.path),
        "path": str(image.path),
        "python": str(image.python),
        "binds": list(image.binds),
        "record": str(record_path(prefix, image.key)),
    }
