"""Report maintenance, and problems with the state folder and its disk, for `make status`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from ...site import Site

LOW_SPACE = 0.05
"""`make status` prints a warning if less than this part (0 to 1) of the disk is free."""


def site_state(site: Site) -> Iterator[tuple[str, str, bool]]:
    """Yield lines of `make status` about maintenance, the database and the disk. Each line is a
    title, a text, and True if there is no problem.
    """
    if site.maintenance.exists():
        yield (
            "maintenance",
            f"{site.front.url} shows the maintenance page; sudo make maintenance_off opens it",
            False,
        )
    if not site.paths.state.is_dir():
        yield (
            "state",
            f"{site.paths.state} does not exist: is its filesystem mounted? The hub cannot start",
            False,
        )
        return
    sqlite = site.hub.database == "sqlite"
    if sqlite and os.access(site.paths.state, os.X_OK) and not site.database.exists():
        yield (
            "state",
            f"there is no database in {site.paths.state} yet; the hub creates it at its first start",
            True,
        )
    disk = shutil.disk_usage(site.paths.state)
    if disk.free < disk.total * LOW_SPACE:
        free_space = f"{disk.free / 1e6:.0f} MB of {disk.total / 1e9:.1f} GB are free on the disk of {site.paths.state}"
        yield "disk", f"{free_space}; when it is full, nobody can log in", False
