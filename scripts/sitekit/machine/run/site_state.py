"""What `make status` says of the site beside its services: maintenance, and the state folder and
its disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from ...site import Site

LITTLE_ROOM = 0.05
"""The part of a disk that is left when `status` begins to warn."""


def site_state(site: Site) -> Iterator[tuple[str, str, bool]]:
    """Lines of (subject, what there is to say, whether that is well). A site where all is well
    needs none."""
    if site.maintenance.exists():
        yield (
            "maintenance",
            f"{site.front.url} shows the maintenance page; sudo make maintenance_off opens it",
            False,
        )
    if not site.paths.state.is_dir():
        yield (
            "state",
            f"{site.paths.state} is not there: is its filesystem mounted? The hub cannot start",
            False,
        )
        return
    if not site.database.exists():
        yield (
            "state",
            f"there is no database in {site.paths.state} yet; the hub's first start makes it",
            True,
        )
    disk = shutil.disk_usage(site.paths.state)
    if disk.free < disk.total * LITTLE_ROOM:
        room = f"{disk.free / 1e6:.0f} MB of {disk.total / 1e9:.1f} GB are free on the disk of {site.paths.state}"
        yield "disk", f"{room}; when it is full, nobody can log in", False
