"""Check that the site file has the same settings as the site that `make apply` has installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....base.errors import BadInputs, Problem
from ....base.finding import Finding, warning
from ....machine.checks.account_mapping import check_accounts
from ....machine.checks.preconditions import check_files_of_pages, check_places
from ....machine.installed.applied_site import applied_path, check_follows
from ....machine.installed.read_and_restore_path import MACHINE
from ....site import load_site
from ..check import Subject
from ..context import Context

subject = Subject("site", "The site file")


@subject.check(
    "applied",
    "whether the applied site /etc/sitekit/NAME/site.yml exists",
    "without it, nothing of the site is on this machine",
    "sudo make apply start",
    before=("start",),
)
def is_applied(here: Context) -> Iterator[Finding]:
    path = applied_path(here.site)
    if not path.exists():
        yield Finding("the site was never applied to this machine", str(path))


@subject.check(
    "applied-readable",
    "whether this version of sitekit can read the applied site",
    "the hub reads this file at each start, and does not start without it",
    "sudo make apply",
    needs=("site.applied",),
    before=("start",),
)
def applied_is_readable(here: Context) -> Iterator[Finding]:
    try:
        load_site(applied_path(here.site))
    except Problem as problem:
        first = problem.problems[0] if isinstance(problem, BadInputs) else problem
        yield Finding(first.what, first.where or "", "sudo make apply")


@subject.check(
    "same-as-applied",
    "whether the site file and the applied site have the same values",
    "the services run with the applied values; a change in the site file has no effect yet",
    "make diff; sudo make apply",
    needs=("site.applied", "site.applied-readable"),
)
def same_as_applied(here: Context) -> Iterator[Finding]:
    try:
        there = load_site(applied_path(here.site))
    except Problem:
        return  # the check site.applied-readable reports this
    mine, theirs = (one.model_dump(mode="json") for one in (here.site, there))
    if changed := list(_differences(mine, theirs)):
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        yield warning(f"{', '.join(changed[:5])}{more} changed since the last apply", "site.yml")


def _differences(mine: Any, theirs: Any, key: str = "") -> Iterator[str]:
    """Yield the keys of site.yml whose values differ between the site file (`mine`) and the
    installed site (`theirs`)."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() | theirs.keys():
            yield from _differences(
                mine.get(name), theirs.get(name), f"{key}.{name}" if key else name
            )
    elif mine != theirs:
        yield key


@subject.check(
    "ports-and-folders-apart",
    "whether this site and the other sites on this machine have different ports and folders",
    "two sites with one port or one state folder stop each other",
    "give each site its own ports and folders in site.yml",
)
def apart_from_others(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_follows(here.site, MACHINE))


@subject.check(
    "places",
    "who can write to the folders above state, backups, prefix and Slurm's programs",
    "an account that can replace one of them can run programs as the hub or as root",
    "chown root FOLDER; chmod go-w FOLDER",
)
def places(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_places(here.site, MACHINE))


@subject.check(
    "mapped-accounts",
    "the gateway account, and who can write to the file or program that maps users to accounts",
    "an account that can change the map decides as whom users' servers run",
    "see login.accounts in config/site.example.yml",
    applies=lambda site: site.login.accounts != "same",
)
def mapped_accounts(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_accounts(here.site, MACHINE))


@subject.check(
    "logo",
    "whether the hub can read the files pages.logo and pages.catalogue, and who can write to them",
    "both files may contain scripts, which a browser runs as scripts of the hub",
    "chown root FILE; chmod 644 FILE",
    applies=lambda site: bool(site.pages.logo or site.pages.catalogue),
)
def logo(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_files_of_pages(here.site, MACHINE))


def problems(check: Any) -> Iterator[Finding]:
    """Run the function `check`, which `make apply` also runs (machine/checks). Yield a finding for
    each error that the function `check` raises."""
    try:
        check()
    except BadInputs as several:
        for one in several.problems:
            yield Finding(one.what, one.where or "", one.remedy or "")
    except Problem as one:
        yield Finding(one.what, one.where or "", one.remedy or "")
