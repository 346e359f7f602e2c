"""`make setup_conda` and `make install_all`: from environment.yml to a release in use. Both may be interrupted."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from ..errors import BadInput, Problem
from ..progress import say, step
from ..site import Site
from .channel import build_channel
from .finish import compile_all, configure
from .install import install, install_pip, solve
from .kitwheel import digest, install_kit
from .packages import Packages, read_packages
from .pieces import wanted
from .prefix import opened, set_modes
from .releases import Release, begin, current, finish, made_from, note, same_packages, switch
from .source import WHAT, choose
from .verify import verify
from .wheellock import matching


def setup_conda(site: Site, *words: str) -> int:
    """Install the packages of environment.yml into a release, from the first source that answers; return 0.

    Raises Problem (no source, no solution, no room, ...) and BadInput (environment.yml).
    """
    _no_words("setup_conda", words)
    packages = read_packages()
    with opened(site) as cache:
        release = made_from(site, _inputs(site, packages))
        if release and release.installed:
            say(f"The environment {release.name} is built, and environment.yml has not changed. Nothing to do.")
            return 0
        if release:
            say(f"Going on with {release.name}, which was interrupted.")
        else:
            release = _begun(site, packages, cache)
        if release.installed:
            return 0
        release = install(release, cache)
        if release.facts["source"]["kind"] == "channels":
            install_pip(release, packages, cache)
        note(release, installed=True)
    say(f"The packages are in place in {release.path}. Next: make install_all")
    return 0


def _begun(site: Site, packages: Packages, cache: Path) -> Release:
    """A new release with its lock; or the one that turns out to have the same packages."""
    source = choose(site)
    say(source.told)
    specs, channels = list(packages.conda), list(site.environment.channels)
    if source.kind == "wheels":
        channels = [build_channel(packages, cache).as_uri()]
        specs += [line.replace("==", " ==") for line in packages.pip]
    elif any("conda-forge" in channel for channel in channels) and "conda" not in packages.names:
        specs.append("conda")
    solution, lock = solve(channels, specs, cache)
    inputs = _inputs(site, packages)[source.kind]
    if same := same_packages(site, solution):
        say(f"The packages are those of {same.name}.")
        return note(same, inputs=[*same.facts["inputs"], inputs])
    told = {"kind": source.kind, "told": source.told, "channels": channels}
    return begin(site, solution, lock, {"inputs": [inputs], "specs": specs, "source": told})


def install_all(site: Site, *words: str) -> int:
    """Make the packages of setup_conda a hub environment, prove it, and point `current` at it; return 0.

    Raises Problem when there are no packages, and for all that does not work; `current` then stays where it was.
    """
    _no_words("install_all", words)
    packages = read_packages()
    with opened(site) as cache:
        release = made_from(site, _inputs(site, packages))
        if release is None or not release.installed:
            raise Problem(
                "the packages of environment.yml are not there yet", str(site.releases), "run: make setup_conda"
            )
        if not (release.whole and release.facts["kit"]["hash"] == digest()):
            release = _finished(release, packages, cache)
        elif current(site) == release.path.resolve():
            say(f"{release.name} is complete and in use. Nothing to do.")
            return 0
        switch(site, release)
    say(f"In use now: {release.name}, {WHAT[release.facts['source']['kind']]}.")
    return 0


def _finished(release: Release, packages: Packages, cache: Path) -> Release:
    pieces = wanted(packages)
    with step("Installing sitekit and the extensions"):
        kit = install_kit(release)
        configure(release, pieces)
    with step("Compiling") as s:
        s.done(f"{compile_all(release)} files")
    set_modes(release.path)
    with step("Checking the release") as s:
        s.done(f"{verify(release, pieces)} checks")
    python = next(package["version"] for package in release.facts["packages"] if package["name"] == "python")
    return finish(release, kit=kit, python=python, built_with=sys.version.split()[0])


def _inputs(site: Site, packages: Packages) -> dict[str, str]:
    """What a release is made from, by kind of source: the same inputs need no second release."""
    environment = site.environment
    asked = [packages.digest, list(environment.channels), environment.fallback]
    inputs = {"channels": asked, "wheels": [*asked, matching(packages)]}
    return {kind: hashlib.sha256(json.dumps(parts).encode()).hexdigest() for kind, parts in inputs.items()}


def _no_words(command: str, words: tuple[str, ...]) -> None:
    if words:
        raise BadInput(f"{command} takes no words, and got '{' '.join(words)}'", remedy=f"run: make {command}")
