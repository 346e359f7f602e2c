"""The steps to a whole release: a solution, its packages in place, the kit in it, the proof. What
is there is taken."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.data import CHECKOUT
from ..base.errors import Problem
from ..base.files import write_atomic
from ..base.progress import say, step
from ..site import Site
from .bundle.read import read_bundle
from .channel.network import reaching
from .channel.solution import Solution, difference, explicit, from_lock, solve
from .kit_wheel import install_kit, kit
from .release.bytecode import compile_all
from .release.components import wanted
from .release.configure import configure
from .release.install import install
from .release.prefix_lock import open_prefix, set_modes
from .release.releases import (
    Release,
    begin,
    current,
    finish,
    made_from,
    newest_whole,
    note,
    read,
    same,
    set_aside,
)
from .release.verify import verify
from .wheels.lock import matching
from .wheels.packages import Packages

LOCK = CHECKOUT / "environment.lock"


def newest(site: Site, packages: Packages, cache: Path) -> Solution:
    """The newest solution of environment.yml; what changes against the release in use is shown.
    Raises Problem."""
    path = current(site)
    in_use = read(path) if path else None
    before = in_use.facts["packages"] if in_use else []
    solution = solve(site, packages, cache)
    lines = difference(before, solution.packages)
    say("\n".join(f"    {line}" for line in lines) or "    no package changes")
    return solution


def keep_lock(solution: Solution, packages: Packages) -> None:
    """Write environment.lock, and beside it the same in the form that conda reads."""
    about = LOCK.parent.stat()
    owner = (about.st_uid, about.st_gid) if os.geteuid() == 0 else None
    write_atomic(LOCK, solution.locked(packages), owner=owner)
    write_atomic(LOCK.with_suffix(".explicit.txt"), explicit(solution.packages), owner=owner)
    say(f"{LOCK} names {len(solution.packages)} packages.")


def built(site: Site, packages: Packages, solution: Solution, cache: Path) -> Release:
    """A whole release of `solution`: there already, or built and verified now. Raises Problem."""
    release = _release_of(
        site, packages, solution, inputs(site, packages, solution.locked(packages))
    )
    return finished(
        site, release if release.installed else install(site, release, cache), packages, cache
    )


@contextmanager
def at_work(site: Site) -> Iterator[Path]:
    """Hold the prefix, and reach the network as site.yml says; gives the cache."""
    with open_prefix(site) as cache, reaching(site):
        yield cache


def begun(
    site: Site, packages: Packages, lock: str | None, cache: Path, file: Path | None
) -> Release:
    """A new release with its lock, out of the bundle `file` if there is one; or one that turns out
    to be the same."""
    told = inputs(site, packages, lock)
    if file:
        solution = read_bundle(file, packages, cache)
    elif sibling := made_from(site, told):
        say(f"sitekit itself has changed: a new release of the packages of {sibling.name}.")
        solution = sibling.solution
        if not solution.at_hand:
            solution = from_lock(solution.locked(packages), packages, cache)
    elif lock:
        say(f"Taking exactly the packages of {LOCK.name}.")
        solution = from_lock(lock, packages, cache)
    else:
        solution = solve(site, packages, cache)
    return _release_of(site, packages, solution, told)


def _release_of(
    site: Site, packages: Packages, solution: Solution, told: dict[str, str]
) -> Release:
    """A release of exactly these packages and this kit: one that is there, or a new one, begun."""
    kits, mark = kit(), told[solution.kind]
    if found := same(site, solution, kits["hash"]):
        say(f"The packages are those of {found.name}.")
        return (
            found
            if mark in found.facts["inputs"]
            else note(found, inputs=[*found.facts["inputs"], mark])
        )
    return begin(site, solution, kits, mark, packages.digest)


def finished(site: Site, release: Release, packages: Packages, cache: Path) -> Release:
    """The release with the kit in it, compiled, verified and declared whole; what fails is set
    aside, by a Problem."""
    if release.whole:
        return release
    if release.facts.get("finishing"):
        release = install(site, release, cache)
    release = note(release, finishing=True)
    pieces = wanted(packages)
    with step("Installing sitekit and the extensions"):
        install_kit(release)
        own = configure(release, pieces)
    with step("Compiling") as s:
        s.done(f"{compile_all(release, newest_whole(site))} files")
    set_modes(release.path)
    try:
        with step("Checking the release") as s:
            s.done(f"{verify(site, release, pieces, own)} checks")
    except Problem as problem:
        aside = set_aside(release, problem.what)
        raise Problem(
            problem.what, str(aside), "mend what it says, then run the same command again"
        ) from None
    python = next(
        package["version"] for package in release.facts["packages"] if package["name"] == "python"
    )
    return finish(release, own=own, python=python, built_with=sys.version.split()[0])


def inputs(site: Site, packages: Packages, lock: str | None) -> dict[str, str]:
    """What a release's packages follow from, by kind of source: the same inputs need no second
    solution."""
    environment = site.environment
    asked = [packages.digest, list(environment.channels), environment.fallback]
    locked = [hashlib.sha256(lock.encode()).hexdigest()] if lock else []
    kinds = {"channels": [*asked, *locked], "wheels": [*asked, matching(packages), *locked]}
    return {
        kind: hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        for kind, parts in kinds.items()
    }
