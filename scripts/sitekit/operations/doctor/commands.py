"""Run the command `make doctor`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput
from ...base.files import write_atomic
from ...base.finding import Severity
from ...base.progress import say, step
from ...machine.host.platform import this_platform
from ...machine.installed import unix_accounts
from ...machine.installed.read_and_restore_path import MACHINE
from ...site import Site
from ..advisories.read_advisory_source import refuse_source
from .check import Check
from .context import Context, choose_user
from .list_of_checks import CHECKS
from .report import as_json, as_junit, as_text
from .run_checks import ALL_SECONDS, run_checks, worst

EXIT = {Severity.ERROR: 1, Severity.WARNING: 3}
"""The exit code for the worst severity of all findings. Without errors and warnings, the exit code
is 0. If a variable of the command is wrong, the exit code is 2, as in all commands."""

_KEYS = ("CHECK", "JSON", "JUNIT", "NODES", "OSV", "SECONDS", "USER")


@dataclass(frozen=True)
class Wishes:
    """The values of the variables of `make doctor`, such as NODES=1."""

    checks: tuple[str, ...] = ()
    json: bool = False
    junit: Path | None = None
    nodes: bool = False
    user: str | None = None
    advisories: tuple[str, ...] = ()
    seconds: float = ALL_SECONDS


def doctor(site: Site, *words: str) -> int:
    """Run all checks of the site, and print each fault, why it matters, and how to repair it.

    Returns 0 if no check finds an error or a warning, 1 if a check finds an error, and 3 if checks
    find only warnings. Raises BadInput.
    """
    wishes = parse(words)
    checks = selected(CHECKS, wishes.checks)
    here = Context(
        site,
        this_platform(),
        wishes.user or choose_user(site),
        wishes.nodes,
        wishes.advisories,
    )
    if wishes.json:
        results = run_checks(checks, here, wishes.seconds)
        say(as_json(results))
    else:
        with step(f"Looking at the site {site.name}"):
            results = run_checks(checks, here, wishes.seconds)
        for line in as_text(results):
            say(line)
    if wishes.junit:
        write_atomic(wishes.junit, as_junit(results))
    return EXIT.get(worst(results), 0)


def parse(words: Iterable[str]) -> Wishes:
    """Parse the arguments of `make doctor`, each in the form NAME=value. Raises BadInput."""
    given: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or key not in _KEYS:
            raise BadInput(f"{word!r} is no variable of make doctor", remedy=f"use {_listed()}")
        given[key] = value
    for key in ("JSON", "NODES"):
        if given.get(key, "1") not in ("0", "1"):
            raise BadInput("this is neither 0 nor 1", key, f"write {key}=1, or leave it out")
    user = given.get("USER") or None
    if user and not (re.fullmatch(r"[A-Za-z0-9_][\w.@-]*", user) and _exists(user)):
        raise BadInput(f"there is no account {user!r}", "USER", "name a user of the site")
    junit = Path(given["JUNIT"]) if given.get("JUNIT") else None
    if junit and not junit.parent.is_dir():
        raise BadInput(f"{junit.parent} is no folder", "JUNIT", "name a file in an existing folder")
    seconds = given.get("SECONDS") or f"{ALL_SECONDS:.0f}"
    if not re.fullmatch(r"[1-9][0-9]{0,3}", seconds):
        raise BadInput("this is no number of seconds", "SECONDS", "write a number such as 60")
    advisories = tuple(given.get("OSV", "").split())
    for source in advisories:
        refuse_source(source)
    return Wishes(
        tuple(given.get("CHECK", "").replace(",", " ").split()),
        given.get("JSON") == "1",
        junit,
        given.get("NODES") == "1",
        user,
        advisories,
        float(seconds),
    )


def _exists(user: str) -> bool:
    return unix_accounts.has_account(MACHINE, user)


def _listed() -> str:
    return ", ".join(f"{key}=" for key in _KEYS)


def selected(checks: list[Check], names: tuple[str, ...]) -> list[Check]:
    """Return the checks with these ids or subjects, in the order in which checks run. Return all
    checks if `names` is empty. Raises BadInput."""
    known = {name for check in checks for name in (check.id, check.id.partition(".")[0])}
    if unknown := [name for name in names if name not in known]:
        raise BadInput(
            f"there is no check {unknown[0]!r}", "CHECK", "docs/doctor.md lists the ids of all"
        )
    if not names:
        return checks
    return [check for check in checks if {check.id, check.id.partition(".")[0]} & set(names)]
