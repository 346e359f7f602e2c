"""Build a release (an installation of the hub's software): solve, install the packages, add
sitekit, and verify.

After an interruption, the next build uses the parts that are already finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.data_files import CHECKOUT
from ..base.errors import Problem
from ..base.files import write_atomic
from ..base.progress import say, step
from ..site import Site
from .bundle.unpack_bundle import read_bundle
from .channel.download_settings import http_proxy_environment
from .channel.solve_environment import Solution, difference, explicit, from_lock, solve
from .kit_wheel import install_kit, kit
from .release.bytecode import compile_all
from .release.bytecode_of_server import write_server_modules
from .release.configure_release import configure
from .release.install_packages import install
from .release.lock_and_check_prefix import open_prefix, set_modes
from .release.releases import (
    Release,
    begin,
    current,
    find_same_release,
    finish,
    made_from,
    newest_whole,
    note,
    read,
    set_aside,
)
from .release.required_package_contents import wanted
from .release.verify import verify
from .release.write_single_file import is_packed, pack, pack_whole, write_start_script
from .wheels.environment_yml import Packages
from .wheels.wheels_lock_file import matching

LOCK = CHECKOUT / "environment.lock"


def solve_newest(site: Site, packages: Packages, cache: Path) -> Solution:
    """Find the newest versions of all packages that environment.yml allows, and return these
    packages as a Solution.

    The function also prints the differences from the release in use. Raises Problem.
    """
    path = current(site)
    in_use = read(path) if path else None
    before = in_use.facts["packages"] if in_use else []
    solution = solve(site, packages, cache)
    lines = difference(before, solution.packages)
    say("\n".join(f"    {line}" for line in lines) or "    no package changes")
    return solution


def keep_lock(solution: Solution, packages: Packages) -> None:
    """Write environment.lock and environment.explicit.txt.

    environment.explicit.txt lists the packages of environment.lock in the format of `conda list
    --explicit`.
    """
    about = LOCK.parent.stat()
    owner = (about.st_uid, about.st_gid) if os.geteuid() == 0 else None
    write_atomic(LOCK, solution.locked(packages), owner=owner)
    write_atomic(LOCK.with_suffix(".explicit.txt"), explicit(solution.packages), owner=owner)
    say(f"{LOCK} names {len(solution.packages)} packages.")


def ensure_release(site: Site, packages: Packages, solution: Solution, cache: Path) -> Release:
    """Return a complete release (an installation of the hub's software) with the packages of
    `solution`.

    If no release with these packages exists, build and verify a release. Raises Problem if a step
    of the build fails.
    """
    release = _release_of(
        site, packages, solution, inputs(site, packages, solution.locked(packages))
    )
    return finish_release(
        site, release if release.installed else install(site, release, cache), packages, cache
    )


@contextmanager
def at_work(site: Site) -> Iterator[Path]:
    """Lock the prefix while the `with` block runs, and yield the path of the package cache.

    Downloads in the block use the HTTP proxy of site.yml.
    """
    with open_prefix(site) as cache, http_proxy_environment(site):
        yield cache


def begin_release(
    site: Site, packages: Packages, lock: str | None, cache: Path, file: Path | None
) -> Release:
    """Return a release for the packages of environment.yml, the lock or the bundle. If a release
    with the same packages and the same sitekit exists, return this release. Otherwise, create the
    directory of a new release, and write its list of packages.

    If `file` is given, it is the path of a bundle, and the packages come from this bundle.
    """
    input_hashes = inputs(site, packages, lock)
    if file:
        solution = read_bundle(file, packages, cache)
    elif sibling := made_from(site, input_hashes):
        say(f"sitekit itself has changed: a new release of the packages of {sibling.name}.")
        solution = sibling.solution
        if not solution.at_hand:
            solution = from_lock(solution.locked(packages), packages, cache)
    elif lock:
        say(f"Using exactly the packages of {LOCK.name}.")
        solution = from_lock(lock, packages, cache)
    else:
        solution = solve(site, packages, cache)
    return _release_of(site, packages, solution, input_hashes)


def _release_of(
    site: Site, packages: Packages, solution: Solution, input_hashes: dict[str, str]
) -> Release:
    """Return a release with these packages and this version of sitekit.

    If no such release exists, create the directory of a new release, and install nothing yet.
    """
    kits, mark = kit(), input_hashes[solution.kind]
    if release := find_same_release(site, solution, kits["hash"]):
        say(f"The packages are the same as in {release.name}.")
        if mark in release.facts["inputs"]:
            return release
        return note(release, inputs=[*release.facts["inputs"], mark])
    return begin(site, solution, kits, mark, packages.digest)


def finish_release(site: Site, release: Release, packages: Packages, cache: Path) -> Release:
    """Complete a release: install sitekit, compile the Python files, verify, and mark the release
    as complete.

    If the verification of the release fails, rename the release to `<name>.failed`, and raise
    Problem.
    """
    if release.whole:
        return release if is_packed(site, release) else pack_whole(site, release)
    if release.facts.get("finishing"):
        release = install(site, release, cache)
    release = note(release, finishing=True)
    pieces = wanted(packages)
    with step("Installing sitekit and the extensions"):
        install_kit(release)
        own = configure(release, pieces) | write_start_script(release.path)
    with step("Compiling") as s:
        s.done(f"{compile_all(release, newest_whole(site))} files")
    own |= write_server_modules(site, release, pieces)
    set_modes(release.path)
    own |= pack(site, release)
    try:
        with step("Checking the release") as s:
            s.done(f"{verify(site, release, pieces, own)} checks")
    except Problem as problem:
        aside = set_aside(release, problem.what)
        raise Problem(
            problem.what, str(aside), "correct what it says, then run the same command again"
        ) from None
    python = next(
        package["version"] for package in release.facts["packages"] if package["name"] == "python"
    )
    return finish(release, own=own, python=python, built_with=sys.version.split()[0])


def inputs(site: Site, packages: Packages, lock: str | None) -> dict[str, str]:
    """Return two hashes, one for each kind of package source (`channels` and `wheels`). Each hash
    is made of all inputs that determine the packages from this kind of source.

    If an earlier release was built from inputs with the same hash, the build uses the packages of
    that release again.
    """
    environment = site.environment
    settings = [packages.digest, list(environment.channels), environment.fallback]
    locked = [hashlib.sha256(lock.encode()).hexdigest()] if lock else []
    kinds = {"channels": [*settings, *locked], "wheels": [*settings, matching(packages), *locked]}
    return {
        kind: hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        for kind, parts in kinds.items()
    }
