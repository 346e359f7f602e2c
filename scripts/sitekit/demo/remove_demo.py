"""Remove everything that the demo has made on this machine, and list what could not be removed."""

from __future__ import annotations

import errno
import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..base.progress import step
from ..base.run_program import run
from ..site import Site
from .cluster import cluster_daemons, paths_and_ports
from .cluster.bring_up import daemons
from .cluster.demo_users import remove_people
from .cluster.record_changes import Made
from .software.apt_packages import missing_packages

CGROUPS = Path("/sys/fs/cgroup")
REMOVED = (errno.ENOENT, errno.ENODEV)
"""The errors of an attempt to remove a cgroup that systemd has just removed, because the cgroup's
scope is empty."""


def reset(site: Site, made: Made, removed: list[str]) -> list[str]:
    """Remove everything that the demo has made. Return lines about what was removed and what is
    left.

    The demo must be stopped first. The argument `removed` contains lines about users and files that
    the caller has already removed. Only root can call this function.
    """
    stays = list(_packages(made))
    all_removed = [*removed, *_units(site), *remove_people(made)]
    stays += [f"The cgroup {group} stays: {why}" for group, why in remove_cgroups()]
    known = (*paths_and_ports.directories(site), site.paths.prefix)
    # STATE is removed last, because it contains the record of what the demo has made. If this run
    # is interrupted, the next run can still read the record.
    all_removed += remove_directories(
        made, (*(path for path in known if path != paths_and_ports.STATE), paths_and_ports.STATE)
    )
    for parent in sorted({path.parent for path in known}, reverse=True):
        if parent.is_dir() and parent.name in ("sitekit", "demo") and not any(parent.iterdir()):
            parent.rmdir()
    return ["Removed:", *(f"    {thing}" for thing in all_removed), *stays]


def _units(site: Site) -> Iterator[str]:
    files = [
        path for path in cluster_daemons.supervisor(site).files(daemons(site)) if path.exists()
    ]
    for path in files:
        path.unlink()
        yield str(path)
    if files and site.supervisor == "systemd":
        run(["systemctl", "daemon-reload"])


def remove_cgroups(tree: Path = CGROUPS) -> Iterator[tuple[Path, str]]:
    """Remove the cgroups that slurmd has left. Yield each cgroup that cannot be removed, with the
    reason.

    A cgroup cannot be removed while a process is in it. The deepest cgroups are removed first. With
    cgroup v1, slurmd leaves a cgroup in each hierarchy. With cgroup v2, slurmd leaves one cgroup
    below systemd's slice.
    """
    names = [
        name
        for node in paths_and_ports.NODES
        for name in (f"slurm_{node}", f"{node}_slurmstepd.scope")
    ]
    for top in [top for name in names for top in tree.glob(f"*/{name}")]:
        # os.walk omits folders that were just removed, because they cannot be read.
        for group in [Path(folder) for folder, *_ in os.walk(top, topdown=False)]:
            try:
                group.rmdir()
            except OSError as error:
                if error.errno not in REMOVED:
                    yield group, error.strerror or str(error)


def remove_directories(made: Made, places: Sequence[Path]) -> list[str]:
    """Remove the directories in `places` that the demo made, and return the paths of the removed
    directories.

    A directory is removed only if it is both in `places` and in the demo's record.
    """
    removed = []
    with step("Removing files"):
        for path in places:
            if ("directories", path) in made and path.exists():
                shutil.rmtree(path)
                removed.append(str(path))
    return removed


def _packages(made: Made) -> Iterator[str]:
    missing = {name for choice in missing_packages(made.names("packages")) for name in choice}
    if left := [name for name in made.names("packages") if name not in missing]:
        yield "These packages stay, and with them their accounts (slurm, munge). `apt-get purge` removes them:"
        yield textwrap.fill(
            " ".join(left),
            100,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
