"""Define the data that all checks of `make doctor` use, and cache the results of slow queries."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...backends.slurm.transport import ask_slurm
from ...backends.start_and_job_records import NoAnswer
from ...base.errors import Problem, as_problem
from ...contracts.gate_config import MIN_UID
from ...machine.checks.tiers_fit_cluster import read_config
from ...machine.host.platform import Platform
from ...machine.installed import unix_accounts
from ...machine.installed.applied_site import applied
from ...machine.installed.manifest import Manifest, load_manifest
from ...machine.installed.read_and_restore_path import MACHINE
from ...machine.render.services_of_site import site_services, site_supervisor
from ...machine.supervisors.control import which_supervisor
from ...machine.supervisors.interface import State
from ...site import Site
from . import check_access_as_account

Value = TypeVar("Value")
Row = dict[str, str]


class Unanswered(Exception):
    """Report that a check could not examine something. The exception's text is the reason."""


@dataclass
class Context:
    """The site, the platform and the options of the command.

    `user` is the account under which the checks about users run; None if there is no such account.
    `advisories` has the paths or URLs of files in OSV's format. All time limits are multiplied by
    `patience`.
    """

    site: Site
    platform: Platform
    user: str | None = None
    nodes: bool = False
    advisories: tuple[str, ...] = ()
    patience: float = 1.0
    root: bool = field(default_factory=lambda: os.geteuid() == 0)
    _kept: dict[str, Any] = field(default_factory=dict)

    def once(self, key: str, ask: Callable[[], Value]) -> Value:
        """Return the result of a slow query. The function `ask` sends the query. `ask` is called
        only once for each `key`: later calls with the same `key` return the first result. Raises
        Unanswered if the query failed.

        If a query does not end within the time limit of a check, later calls with the same `key` do
        not wait, and raise Unanswered.
        """
        if key not in self._kept:
            self._kept[key] = Unanswered(f"{key}: no answer in time")
            try:
                self._kept[key] = ask()
            except (Problem, OSError) as trouble:
                self._kept[key] = Unanswered(as_problem(trouble).what)
            except NoAnswer as silence:
                self._kept[key] = Unanswered(str(silence))
            except Unanswered as silence:
                self._kept[key] = silence
        if isinstance(found := self._kept[key], Unanswered):
            raise found
        result: Value = found
        return result

    # --- this machine ---------------------------------------------------------------------------

    @property
    def applied(self) -> Site:
        """Return the settings of the site at the last `make apply`, with which the services run."""
        return self.once("the applied site", lambda: applied(self.site, MACHINE))

    @property
    def manifest(self) -> Manifest:
        """Return the manifest, the record of everything that `make apply` has installed."""
        return self.once("the manifest", lambda: load_manifest(self.site, MACHINE))

    @property
    def states(self) -> dict[str, State]:
        """Return the states of the site's services from the supervisor: short name, such as `hub`
        -> state."""
        return self.once("the supervisor", self._states)

    def _states(self) -> dict[str, State]:
        site = self.applied
        if site.supervisor == "systemd" and which_supervisor() != "systemd":
            raise Unanswered("systemd is not PID 1 on this machine")
        if site.supervisor == "supervisord" and not self.root:
            raise Unanswered("only root can ask supervisord")
        supervisor = site_supervisor(site)
        services = site_services(site, self.platform)
        return {
            service.name.removeprefix(site.service("")): supervisor.state(service)
            for service in services
        }

    def look_as(self, who: str | None, **request: Any) -> dict[str, Any]:
        """Run a test of files and databases under the account `who` (look_as() in
        check_access_as_account.py); return its result. Raises Unanswered."""
        if who and not self.root:
            raise Unanswered(f"only root can look as {who}")
        if who and not unix_accounts.has_account(MACHINE, who):
            raise Unanswered(f"there is no account {who}")
        key = f"what {who} sees of {sorted(map(str, request.items()))}"
        return self.once(
            key, lambda: check_access_as_account.look_as(who, request, 8 * self.patience)
        )

    @property
    def somebody(self) -> str:
        """Return the account under which the checks about users run. Raises Unanswered if no such
        account exists."""
        if self.user is None:
            raise Unanswered("no user is known: name one with USER=...")
        return self.user

    # --- Slurm ----------------------------------------------------------------------------------

    def slurm(self, program: str, *words: str) -> str:
        """Return the output of a program of Slurm. With `slurm.ssh`, the gate on the login node
        runs the program.

        Raises Unanswered.
        """
        return self.once(f"{program} {' '.join(words)}", lambda: self._slurm(program, *words))

    def _slurm(self, program: str, *words: str) -> str:
        answer = asyncio.run(ask_slurm(self.site, program, *words))
        if answer.code:
            last = (answer.err.strip().splitlines() or [f"it ended with {answer.code}"])[-1]
            raise Unanswered(f"{program}: {last}")
        return answer.out

    @property
    def config(self) -> Row:
        """Return the output of `scontrol show config`."""
        return read_config(self.slurm("scontrol", "show", "config"))

    @property
    def partitions(self) -> dict[str, Row]:
        """Return the partitions of the cluster: name -> settings, with the keys of slurm.conf."""
        rows = fields(self.slurm("scontrol", "--all", "--oneliner", "show", "partition"))
        return {row["PartitionName"]: row for row in rows if "PartitionName" in row}

    @property
    def reservations(self) -> list[Row]:
        """Return the reservations of the cluster. Times are seconds since the epoch."""
        rows = fields(self.slurm("scontrol", "--oneliner", "show", "reservation"))
        return [row for row in rows if "ReservationName" in row]

    @property
    def wanted(self) -> list[str]:
        """Return the names of all partitions that the tiers use, each name once."""
        return list(dict.fromkeys(name for tier in self.site.tiers for name in tier.partitions))


def fields(text: str) -> list[Row]:
    """Parse the output of `scontrol --oneliner show`. Return one mapping (key -> value) for each
    line.

    If a key occurs twice in a line, the first value is used. A user's comment is at the end of the
    line, and can contain any text, also a key.
    """
    return [dict(reversed(re.findall(r"([\w/:]+)=(\S*)", line))) for line in text.splitlines()]


def choose_user(site: Site) -> str | None:
    """Return the account under which the checks about users run. This is the gateway account if the
    site has one. Otherwise, it is the alphabetically first member of login.allowed_groups whose uid
    the gate accepts. Return None if no such member exists."""
    if site.login.gateway:
        return site.login.gateway
    groups = [name for name in site.login.allowed_groups if unix_accounts.has_group(MACHINE, name)]
    names = sorted({name for group in groups for name in unix_accounts.members(MACHINE, group)})
    for name in names:
        here = unix_accounts.has_account(MACHINE, name)
        if here and unix_accounts.numbers(MACHINE, name)[0] >= MIN_UID:
            return name
    return None


def first_missing(path: Path) -> Path:
    """Return the first folder or file on the path `path` that does not exist."""
    return next((step for step in (*reversed(path.parents), path) if not step.exists()), path)
