"""Check whether the demo can be installed on this machine. All obstacles are reported together, and
the machine is not changed."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..base.errors import BadInput, BadInputs
from ..machine.host.find_listening_processes import Process, listeners, processes
from ..site import Site
from .cluster import paths_and_ports
from .cluster.record_changes import Made
from .software.platform import Distribution, distribution

NOT_OURS = (
    "the demo touches nothing that exists; "
    "use a machine of its own, such as a fresh virtual machine or container"
)
SLURM_CONF = Path("/etc/slurm/slurm.conf")


def preflight(site: Site) -> Distribution:
    """Return this machine's distribution if the demo can be installed here.

    If the demo cannot be installed, raise BadInput or BadInputs with each reason and the remedy.
    """
    need_root()
    linux = distribution()
    made = Made()
    obstacles = [
        *foreign_slurm(site),
        *taken_ports(site),
        *foreign_accounts(site, made),
        *foreign_directories(site, made),
    ]
    if obstacles:
        raise BadInputs(obstacles)
    return linux


def need_root(command: str = "demo", uid: int | None = None) -> None:
    """Raise BadInput if this process does not run as root.

    If `uid` is given, this user id is checked in place of the process's effective user id.
    """
    if (os.geteuid() if uid is None else uid) != 0:
        raise BadInput(
            "the demo makes accounts, services and files below /etc, so it needs root",
            remedy=f"sudo make {command}",
        )


def foreign_slurm(
    site: Site, conf: Path = SLURM_CONF, running: Iterable[Process] | None = None
) -> Iterator[BadInput]:
    """Yield an error for each Slurm configuration or daemon that does not belong to the demo."""
    if conf.exists():
        yield BadInput("this machine has a Slurm", str(conf), NOT_OURS)
    for process in processes() if running is None else running:
        if process.name in ("slurmctld", "slurmd", "slurmdbd") and not is_ours(site, process):
            yield BadInput(f"{process} runs here and is not the demo's", process.command, NOT_OURS)


def taken_ports(site: Site, ports: dict[int, str] | None = None) -> Iterator[BadInput]:
    """Yield an error for each of the demo's ports on which another program listens."""
    wanted = paths_and_ports.ports(site) if ports is None else ports
    for port, holder in sorted(listeners(set(wanted)).items()):
        if holder is None or not is_ours(site, holder):
            who = f"{holder} listens" if holder else "something listens"
            yield BadInput(
                f"{who} on port {port}, which the demo needs for {wanted[port]}",
                remedy="stop it, then run `make demo` again",
            )


def is_ours(site: Site, process: Process) -> bool:
    """Return whether a process belongs to the demo.

    The command line or the environment of each of the demo's daemons contains one of the demo's
    directories.
    """
    return process.mentions(site.etc, site.paths.prefix, site.run, paths_and_ports.RUN)


def foreign_accounts(site: Site, made: Made) -> Iterator[BadInput]:
    """Yield an error for each existing account or group with a name that the demo needs.

    Accounts and groups that the demo itself made are accepted.
    """
    for user in (*paths_and_ports.USERS, site.hub.user, site.proxy.user):
        if ("users", user) in made:
            continue
        if user in (entry.pw_name for entry in pwd.getpwall()):
            yield BadInput(
                f"the account '{user}' exists and is not the demo's", "/etc/passwd", NOT_OURS
            )
        elif (home := Path("/home") / user).exists() and user in paths_and_ports.USERS:
            yield BadInput(
                f"the home of a user '{user}' exists and is not the demo's", str(home), NOT_OURS
            )
    for group in paths_and_ports.GROUPS:
        if ("groups", group) not in made and group in (entry.gr_name for entry in grp.getgrall()):
            yield BadInput(
                f"the group '{group}' exists and is not the demo's", "/etc/group", NOT_OURS
            )


def foreign_directories(site: Site, made: Made) -> Iterator[BadInput]:
    """Yield an error for each existing directory that the demo needs but did not make.

    The prefix is allowed to exist already, because `make setup_conda` also creates the prefix.
    """
    for path in paths_and_ports.directories(site):
        if path.exists() and ("directories", path) not in made:
            yield BadInput("this directory exists and is not the demo's", str(path), NOT_OURS)
