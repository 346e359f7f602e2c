"""`make setup_conda`, `install_all`, `lock`: from environment.yml to a release in use. All may be interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..channel.reach import reaching
from ..channel.solution import Solution, difference, explicit, from_lock, kept_lock, solve
from ..channel.source import WHAT
from ..data import CHECKOUT
from ..errors import BadInput, Problem
from ..files import write_atomic
from ..progress import say, step
from ..site import Site
from ..wheels.lock import matching
from ..wheels.packages import Packages, read_packages
from .bundle import write_bundle
from .finish import compile_all, configure
from .install import install
from .kitwheel import install_kit, kit
from .pieces import wanted
from .prefix import opened, set_modes
from .releases import Release, begin, current, finish, made_from, note, read, same, set_aside, switch
from .unbundle import read_bundle
from .verify import verify

LOCK = CHECKOUT / "environment.lock"


def setup_conda(site: Site, *words: str) -> int:
    """Install the packages of environment.yml into a release, from the first source that answers; return 0.

    With an environment.lock, exactly those that it names; with a word, those of the bundle in that file. Raises Problem
    (no source, no solution, no room, a lock of another environment.yml, ...) and BadInput (environment.yml).
    """
    file = Path(words[0]).resolve() if len(words) == 1 else None
    if file is None:
        _no_words("setup_conda", words)
    elif not file.is_file():
        raise BadInput("there is no such bundle", str(file), "name the file that make bundle wrote: BUNDLE=...")
    packages = read_packages()
    lock = kept_lock(LOCK, packages)
    with at_work(site) as cache:
        release = made_from(site, _inputs(site, packages, lock), kit()["hash"])
        if release and release.installed:
            say(f"The environment {release.name} is built, and environment.yml has not changed. Nothing to do.")
            return 0
        if release:
            say(f"Going on with {release.name}, which was interrupted.")
        else:
            release = _begun(site, packages, lock, cache, file)
        if not release.installed:
            install(site, release, cache)
    say(f"The packages are in place in {release.path}. Next: make install_all")
    return 0


def install_all(site: Site, *words: str) -> int:
    """Make the packages of setup_conda a hub environment, prove it, and point `current` at it; return 0.

    Raises Problem when there are no packages, and for all that does not work; `current` then stays where it was.
    """
    _no_words("install_all", words)
    packages = read_packages()
    with at_work(site) as cache:
        release = made_from(site, _inputs(site, packages, kept_lock(LOCK, packages)), kit()["hash"])
        if release is None or not release.installed:
            raise Problem(
                "the packages of environment.yml are not there yet", str(site.releases), "run: make setup_conda"
            )
        if release.whole and current(site) == release.path.resolve():
            say(f"{release.name} is complete and in use. Nothing to do.")
            return 0
        switch(site, finished(site, release, packages, cache))
    say(f"In use now: {release.name}, {WHAT[release.facts['source']['kind']]}.")
    return 0


def bundle(site: Site, *words: str) -> int:
    """Write the release in use, and all that another site needs to build it, into one file; return 0."""
    path = current(site)
    release = read(path) if path else None
    if release is None:
        raise Problem("there is no release to bundle", str(site.current), "run: make setup_conda install_all")
    file = Path(words[0] if words else f"sitekit-{release.name}.tar").resolve()
    packages = read_packages()
    if release.facts.get("dependencies") != packages.digest:
        raise Problem("environment.yml has changed since it was built", str(release.path), "run: make upgrade")
    with at_work(site) as cache:
        write_bundle(site, release, packages, cache, file)
    return 0


def lock(site: Site, *words: str) -> int:
    """Solve environment.yml afresh, write environment.lock and its @EXPLICIT form, and show what changed; return 0."""
    _no_words("lock", words)
    packages = read_packages()
    with at_work(site) as cache:
        keep_lock(newest(site, packages, cache), packages)
    return 0


def newest(site: Site, packages: Packages, cache: Path) -> Solution:
    """The newest solution of environment.yml; what changes against the release in use is shown. Raises Problem."""
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
    inputs = _inputs(site, packages, solution.locked(packages))
    release = _release_of(site, packages, solution, inputs)
    return finished(site, release if release.installed else install(site, release, cache), packages, cache)


@contextmanager
def at_work(site: Site) -> Iterator[Path]:
    """Hold the prefix, and reach the network as site.yml says; gives the cache."""
    with opened(site) as cache, reaching(site):
        yield cache


def _begun(site: Site, packages: Packages, lock: str | None, cache: Path, file: Path | None) -> Release:
    """A new release with its lock, out of the bundle `file` if there is one; or one that turns out to be the same."""
    inputs = _inputs(site, packages, lock)
    if file:
        solution = read_bundle(file, packages, cache)
    elif sibling := made_from(site, inputs):
        say(f"sitekit itself has changed: a new release of the packages of {sibling.name}.")
        solution = sibling.solution
        if not solution.at_hand:
            solution = from_lock(solution.locked(packages), packages, cache)
    elif lock:
        say(f"Taking exactly the packages of {LOCK.name}.")
        solution = from_lock(lock, packages, cache)
    else:
        solution = solve(site, packages, cache)
    return _release_of(site, packages, solution, inputs)


def _release_of(site: Site, packages: Packages, solution: Solution, inputs: dict[str, str]) -> Release:
    """A release of exactly these packages and this kit: one that is there, or a new one, begun."""
    kits, mark = kit(), inputs[solution.kind]
    if found := same(site, solution, kits["hash"]):
        say(f"The packages are those of {found.name}.")
        return found if mark in found.facts["inputs"] else note(found, inputs=[*found.facts["inputs"], mark])
    return begin(site, solution, kits, mark, packages.digest)


def finished(site: Site, release: Release, packages: Packages, cache: Path) -> Release:
    """The release with the kit in it, compiled, verified and declared whole; what fails is set aside, by a Problem."""
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
        s.done(f"{compile_all(release)} files")
    set_modes(release.path)
    try:
        with step("Checking the release") as s:
            s.done(f"{verify(site, release, pieces, own)} checks")
    except Problem as problem:
        aside = set_aside(release, problem.what)
        raise Problem(problem.what, str(aside), "mend what it says, then run the same command again") from None
    python = next(package["version"] for package in release.facts["packages"] if package["name"] == "python")
    return finish(release, own=own, python=python, built_with=sys.version.split()[0])


def _inputs(site: Site, packages: Packages, lock: str | None) -> dict[str, str]:
    """What a release's packages follow from, by kind of source: the same inputs need no second solution."""
    environment = site.environment
    asked = [packages.digest, list(environment.channels), environment.fallback]
    locked = [hashlib.sha256(lock.encode()).hexdigest()] if lock else []
    inputs = {"channels": [*asked, *locked], "wheels": [*asked, matching(packages), *locked]}
    return {kind: hashlib.sha256(json.dumps(parts).encode()).hexdigest() for kind, parts in inputs.items()}


def _no_words(command: str, words: tuple[str, ...]) -> None:
    if words:
        raise BadInput(f"{command} takes no words, and got '{' '.join(words)}'", remedy=f"run: make {command}")
