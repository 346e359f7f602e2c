"""Run `make releases`, `upgrade`, `rollback`, `prune_releases` and `uninstall_environment`.

None of these commands stops or changes a running server.
"""

from __future__ import annotations

import datetime
import os
import tempfile
import time
from pathlib import Path

from ...base.errors import BadInput, Problem
from ...base.progress import say
from ...environment import build_release as build
from ...environment.release import releases as known
from ...environment.release.configure_release import plain_environment
from ...environment.release.lock_and_check_prefix import open_prefix
from ...environment.release.releases import Release
from ...environment.release.remove_releases import clean_cache, remove, remove_environment, size
from ...environment.release.trial_run import hub_reads_the_site
from ...environment.wheels.environment_yml import read_packages
from ...machine.run import start_and_stop as machine
from ...machine.run.database import refuse_unknown_schema
from ...machine.run.ledger_version import refuse_newer_ledger
from ...site import Site
from .releases_in_use import NOT_HERE, Uses, release_users

KEPT = 2


def releases(site: Site, *words: str) -> int:
    """Print the list of releases (installations of the hub's software); return 0."""
    _words("releases", words, 0)
    found, in_use = known.releases(site), known.current(site)
    if not found:
        say("There is no release yet. `make setup_conda install_all` builds one.")
        return 0
    uses = release_users(site)
    rows = [("release", "packages from", "age", "size", "state", "used by")]
    for release in found:
        state = "current" if release.path.resolve() == in_use else _state(release)
        who = ", ".join(
            [who for who in (_few(uses.of(release.name)), "unknown" if uses.unseen else "") if who]
        )
        rows.append(
            (
                release.name,
                release.facts["source"]["kind"],
                _age(release),
                _size(release),
                state,
                who,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        say(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]
            ).rstrip()
        )
    for line in uses.unseen:
        say(f"    {line}")
    return 0


def upgrade(site: Site, *words: str) -> int:
    """Build a release with the newest packages, make it current, and restart the hub. Returns 0.

    The command prints the changes of packages, and writes environment.lock for setup_conda. The
    current release stays in use until the new release is verified. Raises Problem.
    """
    _words("upgrade", words, 0)
    packages = read_packages()
    with build.at_work(site) as cache:
        solution = build.solve_newest(site, packages, cache)
        release = build.ensure_release(site, packages, solution, cache)
        build.keep_lock(solution, packages)
        switched = known.current(site) != release.path.resolve()
        if switched:
            known.switch_current_release(site, release)
    say(
        f"In use now: {release.name}."
        if switched
        else f"{release.name} has the newest packages, and is in use."
    )
    if switched or machine.hub_release(site) != str(release.path):
        _restart_hub(site)
    return 0


def rollback(site: Site, *words: str) -> int:
    """Make the previous release, or the release in the argument, current. Restart the hub.

    Returns 0. Raises Problem.
    """
    _words("rollback", words, 1)
    packages = read_packages()
    with open_prefix(site):
        release = _named(site, words[0]) if words else _before(site)
        _refuse_unstartable(site, release)
        known.switch_current_release(site, release)
    say(f"In use now: {release.name}.")
    if release.facts.get("dependencies") == packages.digest:
        # Otherwise the next setup_conda would build the newer packages again.
        build.keep_lock(release.solution, packages)
    else:
        say("environment.lock stays as it is: that release was built from another environment.yml.")
    _restart_hub(site)
    return 0


def prune_releases(site: Site, *words: str) -> int:
    """Remove old releases; return 0. Raises Problem if it is not known which releases are in use.

    The newest `KEEP` complete releases, the current release, and releases in use are kept. Failed
    and unfinished releases do not count as complete.
    """
    _words("prune_releases", words, 1)
    keep = _count(words[0]) if words else KEPT
    with open_prefix(site) as cache:
        uses = _all_seen(release_users(site))
        found = known.releases(site)
        whole = [release for release in found if release.whole]
        kept = {release.name for release in whole[:keep]}
        in_use = known.current(site)
        for release in found:
            who = uses.of(release.name)
            if release.path.resolve() == in_use or release.name in kept:
                continue
            if who:
                say(f" kept {release.name}: {_few(who)}")
                continue
            remove(release, cache)
            say(f" removed {release.name}")
        clean_cache(site, cache)
    return 0


def uninstall_environment(site: Site, *words: str) -> int:
    """Remove all releases, the link `current` and the cache. Returns 0.

    All other files in the prefix are kept, and the command prints their paths. Raises Problem if a
    release is in use. The argument `uninstalled` confirms that no host runs the site.
    """
    _words("uninstall_environment", words, 1)
    if words and words[0] != "uninstalled":
        raise BadInput(
            f"does not know the argument '{words[0]}'",
            "uninstall_environment",
            "write UNINSTALLED=1",
        )
    if not site.paths.prefix.exists():
        say(f"There is no environment in {site.paths.prefix}.")
        return 0
    with open_prefix(site):
        uses = release_users(site)
        if words:
            uses.unseen.pop(NOT_HERE, None)
        elif NOT_HERE in uses.unseen:
            uses.unseen[NOT_HERE] += (
                ", or, once the site is uninstalled there: make uninstall_environment UNINSTALLED=1"
            )
        uses = _all_seen(uses)
        if who := sorted(
            {who for release in known.releases(site) for who in uses.of(release.name)}
        ):
            raise Problem(
                f"the environment is in use: {_few(who)}",
                str(site.paths.prefix),
                "stop them first (make stop)",
            )
        left = remove_environment(site)
    for path in left:
        say(f"    left {path}: sitekit did not create it")
    say(f"The environment in {site.paths.prefix} is removed.")
    return 0


def _refuse_unstartable(site: Site, release: Release) -> None:
    """Raise Problem if the hub of this release cannot read the applied site file or the database.

    An old release may not support new formats. Only root can check the database.
    """
    written = site.etc / "site.yml"
    if not written.exists():
        return
    with tempfile.TemporaryDirectory(prefix="sitekit-") as scratch:
        environment = plain_environment(release.path, Path(scratch))
        faults = hub_reads_the_site(site, release, environment, Path(scratch), written.read_text())
    if faults:
        kit = release.facts["kit"]["version"]
        remedy = f"take sitekit {kit}, with which it was built, and run its make apply first; or another release"
        raise Problem(
            f"the hub of {release.name} would not start here: {faults[0]}", str(written), remedy
        )
    if os.geteuid() == 0:
        refuse_unknown_schema(site, release.path)
        refuse_newer_ledger(site, release.path)


def _restart_hub(site: Site) -> None:
    """Restart only the hub. Without root, or on another machine, print how to do this."""
    if not (site.etc / "site.yml").exists():
        say("The hub does not run on this machine. On the hub's machine, run as root: make start")
    elif os.geteuid() != 0:
        say("The hub still runs the previous release. To restart it, run as root: make start")
    else:
        machine.renew(site)


def _named(site: Site, name: str) -> Release:
    """Return the release with this name. Raises BadInput if no complete release has this name."""
    release = next((one for one in known.releases(site) if one.name == name), None)
    if release is None:
        raise BadInput(
            f"there is no release {name}", str(site.releases), "make releases shows them"
        )
    if not release.whole:
        raise BadInput(
            "was never finished and verified, and will not be used",
            str(release.path),
            "name another release",
        )
    return release


def _before(site: Site) -> Release:
    """Return the complete release that was in use before the current one.

    If no earlier release was recorded, return the newest of the other releases.
    """
    in_use = known.current(site)
    others = {
        one.name: one for one in known.releases(site) if one.whole and one.path.resolve() != in_use
    }
    if not others:
        raise Problem("there is no other release to go back to", str(site.releases))
    order = [name for _, name in reversed(known.history(site)) if name in others] or list(others)
    return others[order[0]]


def _all_seen(uses: Uses) -> Uses:
    """Return `uses`. Raise Problem if it is not known whether some releases are in use."""
    if uses.unseen:
        raise Problem(
            f"not removing anything: {'; '.join(uses.unseen)}",
            remedy="; ".join(uses.unseen.values()),
        )
    return uses


def _few(who: list[str], most: int = 4) -> str:
    """Return a text with the first `most` names, and the number of the other names."""
    return ", ".join(who[:most]) + (f" and {len(who) - most} more" if len(who) > most else "")


def _state(release: Release) -> str:
    """Return the state of a release that is not current: failed, ready or unfinished."""
    return "failed" if release.failed else "ready" if release.whole else "unfinished"


def _age(release: Release) -> str:
    """Return the age of a release as text, such as `3 d`."""
    begun = datetime.datetime.strptime(release.facts["begun"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
    minutes = int((time.time() - begun) / 60)
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )


def _size(release: Release) -> str:
    """Return the size of a release as text."""
    own, shared = size(release.path)
    return f"{own + shared} MB, {own} of its own"


def _count(word: str) -> int:
    """Return the number of releases to keep, from the text of the argument KEEP."""
    if not word.isascii() or not word.isdigit() or int(word) < 1:
        raise BadInput(
            f"KEEP={word} is not a number of releases",
            remedy="write it like: make prune_releases KEEP=2",
        )
    return int(word)


def _words(command: str, words: tuple[str, ...], most: int) -> None:
    """Raise BadInput if a command got more than `most` arguments."""
    if len(words) > most:
        raise BadInput(
            f"{command} does not know the argument '{words[most]}'",
            remedy="make help shows its arguments",
        )
