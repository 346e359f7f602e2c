"""Check whether the demo can run on this machine. Nothing is changed."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..base.errors import BadInput, BadInputs
from ..machine.host.listeners import Process, listeners, processes
from ..site import Site
from .cluster import layout
from .cluster.record import Made
from .software.platform import Distribution, distribution

NOT_OURS = (
    "the demo touches nothing that exists; "
    "use a machine of its own, such as a fresh virtual machine or container"
)
SLURM_CONF = Path("/etc/slurm/slurm.conf")


def preflight(site: Site) -> Distribution:
    """Return the distribution. Raises BadInputs with everything that prevents the demo."""
    need_root()
    linux = distribution()
    made = Made()
    found = [
        *foreign_slurm(site),
        *taken_ports(site),
        *foreign_accounts(site, made),
        *foreign_directories(site, made),
    ]
    if found:
        raise BadInputs(found)
    return linux


def need_root(command: str = "demo", uid: int | None = None) -> None:
    """Refuse any user other than root. Raises BadInput."""
    if (os.geteuid() if uid is None else uid) != 0:
        raise BadInput(
            "the demo makes accounts, services and files below /etc, so it needs root",
            remedy=f"sudo make {command}",
        )


def foreign_slurm(
    site: Site, conf: Path = SLURM_CONF, running: Iterable[Process] | None = None
) -> Iterator[BadInput]:
    """Yield a Slurm that is configured or runs here and is not the demo's."""
    if conf.exists():
        yield BadInput("this machine has a Slurm", str(conf), NOT_OURS)
    for process in processes() if running is None else running:
        if process.name in ("slurmctld", "slurmd", "slurmdbd") and not is_ours(site, process):
            yield BadInput(f"{process} runs here and is not the demo's", process.command, NOT_OURS)


def taken_ports(site: Site, ports: dict[int, str] | None = None) -> Iterator[BadInput]:
    """Yield the demo's ports on which another program listens."""
    wanted = layout.ports(site) if ports is None else ports
    for port, holder in sorted(listeners(set(wanted)).items()):
        if holder is None or not is_ours(site, holder):
            who = f"{holder} listens" if holder else "something listens"
            yield BadInput(
                f"{who} on port {port}, which the demo needs for {wanted[port]}",
                remedy="stop it, then run `make demo` again",
            )


def is_ours(site: Site, process: Process) -> bool:
    """Return whether a process is the demo's, by its command line or environment.

    Every daemon of the demo names one of its directories there.
    """
    return process.mentions(site.etc, site.paths.prefix, site.run, layout.RUN)


def foreign_accounts(site: Site, made: Made) -> Iterator[BadInput]:
    """Yield accounts and groups with the demo's names that the demo did not create."""
    for user in (*layout.USERS, site.hub.user, site.proxy.user):
        if ("users", user) in made:
            continue
        if user in (entry.pw_name for entry in pwd.getpwall()):
            yield BadInput(
                f"the account '{user}' exists and is not the demo's", "/etc/passwd", NOT_OURS
            )
        elif (home := Path("/home") / user).exists() and user in layout.USERS:
            yield BadInput(
                f"the home of a user '{user}' exists and is not the demo's", str(home), NOT_OURS
            )
    for group in layout.GROUPS:
        if ("groups", group) not in made and group in (entry.gr_name for entry in grp.getgrall()):
            yield BadInput(
                f"the group '{group}' exists and is not the demo's", "/etc/group", NOT_OURS
            )


def foreign_directories(site: Site, made: Made) -> Iterator[BadInput]:
    """Yield directories at the demo's paths that the demo did not create.

    The prefix may exist, because `make setup_conda` creates it.
    """
    for path in layout.directories(site):
        if path.exists() and ("directories", path) not in made:
            yield BadInput("this directory exists and is not the demo's", str(path), NOT_OURS)
