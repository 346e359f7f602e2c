"""Run the command `make drill`: many users start servers at the same time, run a cell, and stop
their servers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass

from ...base.errors import BadInput
from ...base.progress import say
from ...base.run_program import need_root
from ...contracts.internal_tls import as_installed
from ...site import Site
from ...site.sections.tier import Tier
from . import accounts
from .act_as_user import KnownUser, NewUser, User
from .bottleneck import Bottleneck, first_bottleneck, with_english_reason
from .compute_figures import Fault, Percentiles, by_phase, faults, reasons
from .hub_client import HubClient
from .measure_cpu_time import Meter, Use
from .requests_of_one_user import Browser, tls_of
from .run_drill import Drill, Story
from .tokens import STOPPING, SUBMITTING, tokens

MOST = 200
"""The largest number of users of one drill. Each user needs a thread and some connections."""
NOTE = "sitekit drill"


@dataclass(frozen=True)
class Result:
    """The measured times and the errors of one drill. Times are in seconds."""

    users: int
    ready: int
    tier: str
    phases: dict[str, Percentiles]
    errors: list[Fault]
    use: Use
    bottleneck: Bottleneck | None


def drill(site: Site, *words: str) -> int:
    """Run a drill, and print the times, the errors and the first bottleneck. Return 1 if there were
    errors, else 0.

    Raises BadInput, before any change, if the site does not allow drills.
    """
    given = _arguments(words)
    count, tier = _count(given.get("USERS", "")), _tier(site, given.get("TIER"))
    _check_allowed(site, tier)
    need_root("drill")
    site = as_installed(site)
    as_json = given.get("JSON") == "1"
    progress_to = redirect_stdout(sys.stderr if as_json else sys.stdout)
    with progress_to, accounts.one_drill(), _users(site, tier, count) as users:
        meter = Meter(site)
        stories = Drill(users).run()
        result = _result(site, tier, stories, meter.use())
    if as_json:
        print(json.dumps(asdict(result), indent=1))
    else:
        _print(result)
    return 1 if result.errors else 0


def _arguments(words: tuple[str, ...]) -> dict[str, str]:
    """Return the arguments `NAME=value`. Raises BadInput."""
    given = dict(word.partition("=")[::2] for word in words)
    for name in given:
        if name not in ("USERS", "TIER", "JSON"):
            raise BadInput(f"there is no variable {name}", "drill", "make drill HELP=1")
    if given.get("JSON", "1") not in ("0", "1"):
        raise BadInput("is neither 0 nor 1", "JSON", "write JSON=1")
    return given


def _count(text: str) -> int:
    """Return the number of users from the text of the argument. Raises BadInput."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise BadInput(f"this is not a number from 1 to {MOST}", "USERS", "make drill USERS=10")
    return int(text)


def _tier(site: Site, key: str | None) -> Tier:
    """Return the tier with this key; the site's first tier if `key` is None. Raises BadInput."""
    for tier in site.tiers:
        if key in (None, tier.key):
            return tier
    known = ", ".join(tier.key for tier in site.tiers)
    raise BadInput("there is no such tier", "TIER", f"write one of: {known}")


def _check_allowed(site: Site, tier: Tier) -> None:
    """Raise BadInput if the site file does not allow this drill, or if the drill cannot work."""
    if site.drill.users is None:
        what = "this site does not allow drills: they start servers as users, and use the cluster"
        remedy = "name a file with users who have agreed, or write `create`; see docs/drill.md"
        raise BadInput(what, "drill.users", remedy)
    if site.drill.users != "create":
        return
    remedy = "name a file with users instead"
    if site.login.method != "pam":
        what = f"users log in with {site.login.method}, not with passwords of this machine"
        raise BadInput(what, "drill.users", remedy)
    if site.slurm.ssh and tier.runs_on == "slurm":
        what = "servers run on the cluster, where this machine cannot create accounts"
        raise BadInput(what, "drill.users", remedy)


@contextmanager
def _users(site: Site, tier: Tier, count: int) -> Iterator[list[User]]:
    """Yield the users of the drill. The drill's accounts and tokens are removed after the `with`
    block. Raises BadInput."""
    tls = tls_of(site)
    if site.drill.users == "create":
        with accounts.created(site, tier, count) as passwords:
            yield [
                NewUser(Browser(site, name, tls), password, tier.key)
                for name, password in passwords.items()
            ]
        return
    path = site.drill.users
    names = accounts.listed(path) if path else []
    if len(names) < count:
        raise BadInput(f"has {len(names)} users, not {count}", str(path), "write USERS=less")
    names, seconds = names[:count], tier.start_timeout + SUBMITTING + STOPPING + count
    with tokens(site, NOTE, names, seconds, access=True) as known:
        client = HubClient(site, tier.key, known)
        yield [KnownUser(Browser(site, name, tls, known[name]), client) for name in names]


def _result(site: Site, tier: Tier, stories: list[Story], use: Use) -> Result:
    """Compute the figures of the drill from the stories. A story has the results of one user."""
    phases, wrong = by_phase(stories), faults(stories)
    waits = with_english_reason(reasons(stories), site.pages)
    here = tier.runs_on != "slurm" or site.hub.address.startswith("127.")
    ready = sum("ready" in story.seconds for story in stories)
    found = first_bottleneck(phases, use, waits, wrong, here)
    return Result(len(stories), ready, tier.key, phases, wrong, use, found)


def _print(result: Result) -> None:
    """Print the figures of the drill as text."""
    say(f"\n{result.ready} of {result.users} servers of the tier {result.tier} were ready.\n")
    say(f"{'seconds':<12}{'p50':>8}{'p95':>8}{'max':>8}")
    for phase, one in result.phases.items():
        title = "whole start" if phase == "start" else phase
        say(f"{title:<12}{one.p50:>8.1f}{one.p95:>8.1f}{one.most:>8.1f}")
    use = result.use
    say(
        f"\n{use.wall:.0f} s in all, {use.wall / max(use.floor, 0.1):.1f} times the CPU time of "
        f"{use.floor:.0f} s on each of {use.cpus} CPUs. Load before: {use.load_before:.1f}."
    )
    for fault in result.errors:
        some = ", ".join(fault.users[:3]) + (", ..." if len(fault.users) > 3 else "")
        say(f"\n{len(fault.users)} users failed at {fault.phase!r}: {fault.message} ({some})")
    if found := result.bottleneck:
        say(f"\nFirst bottleneck: {found.what}.\n    {found.seen}\n    -> {found.remedy}")
    else:
        say("\nNo bottleneck: no step took longer than two seconds for 95 of 100 users.")
