"""Define the settings of a container image that a server's job gets, and the path of the file with
the image's test result.

`make apply` writes the settings to gate.json. `make images_check` writes the test result. In the
job, session/containers/container.py reads the settings and the test result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..site import Site
from ..site.sections.images import Image


def record_path(prefix: Path, key: str) -> Path:
    """Return the path of the file with an image's test result, in the prefix of the servers."""
    return prefix / "images" / f"{key}.json"


def describe_images(site: Site) -> str:
    """Return one line about which images were tested; an empty line if the site has no images."""
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

    Raises ValueError if the site has no container engine. Every site with container images also
    sets a container engine.
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
