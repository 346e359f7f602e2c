"""Build a release: solve, install the packages and the kit, verify. Finished steps are skipped."""

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
    """Solve environment.yml afresh, and print what changes from the current release.

    Raises Problem.
    """
    path = current(site)
    in_use = read(path) if path else None
    before = in_use.facts["packages"] if in_use else []
    solution = solve(site, packages, cache)
    lines = difference(before, solution.packages)
    say("\n".join(f"    {line}" for line in lines) or "    no package changes")
    return solution


def keep_lock(solution: Solution, packages: Packages) -> None:
    """Write environment.lock, and environment.explicit.txt, which conda can read."""
    about = LOCK.parent.stat()
    owner = (about.st_uid, about.st_gid) if os.geteuid() == 0 else None
    write_atomic(LOCK, solution.locked(packages), owner=owner)
    write_atomic(LOCK.with_suffix(".explicit.txt"), explicit(solution.packages), owner=owner)
    say(f"{LOCK} names {len(solution.packages)} packages.")


def built(site: Site, packages: Packages, solution: Solution, cache: Path) -> Release:
    """Return a complete release of `solution`. It is built and verified if necessary.

    Raises Problem.
    """
    release = _release_of(
        site, packages, solution, inputs(site, packages, solution.locked(packages))
    )
    return finished(
        site, release if release.installed else install(site, release, cache), packages, cache
    )


@contextmanager
def at_work(site: Site) -> Iterator[Path]:
    """Lock the prefix and use the site's network settings during the block. Yields the cache."""
    with open_prefix(site) as cache, reaching(site):
        yield cache


def begun(
    site: Site, packages: Packages, lock: str | None, cache: Path, file: Path | None
) -> Release:
    """Return a new release with its lock, or an existing one with the same packages.

    The packages come from the bundle `file`, if there is one.
    """
    source_hashes = inputs(site, packages, lock)
    if file:
        solution = read_bundle(file, packages, cache)
    elif sibling := made_from(site, source_hashes):
        say(f"sitekit itself has changed: a new release of the packages of {sibling.name}.")
        solution = sibling.solution
        if not solution.at_hand:
            solution = from_lock(solution.locked(packages), packages, cache)
    elif lock:
        say(f"Taking exactly the packages of {LOCK.name}.")
        solution = from_lock(lock, packages, cache)
    else:
        solution = solve(site, packages, cache)
    return _release_of(site, packages, solution, source_hashes)


def _release_of(
    site: Site, packages: Packages, solution: Solution, source_hashes: dict[str, str]
) -> Release:
    """Return an existing release of these packages and this kit, or begin a new one."""
    kits, mark = kit(), source_hashes[solution.kind]
    if found := same(site, solution, kits["hash"]):
        say(f"The packages are those of {found.name}.")
        return (
            found
            if mark in found.facts["inputs"]
            else note(found, inputs=[*found.facts["inputs"], mark])
        )
    return begin(site, solution, kits, mark, packages.digest)


def finished(site: Site, release: Release, packages: Packages, cache: Path) -> Release:
    """Install the kit into the release, compile it, verify it and mark it as complete.

    If a step fails, the release is set aside, and the failure is raised as Problem.
    """
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
            problem.what, str(aside), "correct what is named, then run the same command again"
        ) from None
    python = next(
        package["version"] for package in release.facts["packages"] if package["name"] == "python"
    )
    return finish(release, own=own, python=python, built_with=sys.version.split()[0])


def inputs(site: Site, packages: Packages, lock: str | None) -> dict[str, str]:
    """Return hashes of what determines a release's packages, by kind of source.

    The same inputs need no second solution.
    """
    environment = site.environment
    asked = [packages.digest, list(environment.channels), environment.fallback]
    locked = [hashlib.sha256(lock.encode()).hexdigest()] if lock else []
    kinds = {"channels": [*asked, *locked], "wheels": [*asked, matching(packages), *locked]}
    return {
        kind: hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        for kind, parts in kinds.items()
    }
