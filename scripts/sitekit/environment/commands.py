"""Implement `make setup_conda`, `install_all`, `bundle` and `lock`.

Each command in this file can be interrupted and run again.
"""

from __future__ import annotations

from pathlib import Path

from ..base.errors import BadInput, Problem
from ..base.progress import say
from ..site import Site
from . import build_release
from .build_release import at_work, begin_release, finish_release, inputs, keep_lock, solve_newest
from .bundle.write_bundle import write_bundle
from .channel.choose_source import WHAT
from .channel.solve_environment import kept_lock
from .kit_wheel import kit
from .release.install_packages import install
from .release.releases import current, made_from, read, switch_current_release
from .release.write_single_file import is_packed
from .wheels.environment_yml import read_packages


def setup_conda(site: Site, *words: str) -> int:
    """Install the packages of environment.yml into a new release. Return 0.

    The packages come from the conda channels or their mirrors, if all of them can be reached.
    Otherwise, the packages come from PyPI, if environment.fallback in site.yml allows this. If
    environment.lock exists, the command installs exactly the packages that environment.lock lists.
    If a bundle is given, the packages come from the bundle. Raises BadInput if environment.yml is
    wrong. Raises Problem if no source can be reached, if the packages contradict each other, if
    disk space is missing, or if the lock was made from another environment.yml.
    """
    file = Path(words[0]).resolve() if len(words) == 1 else None
    if file is None:
        _no_words("setup_conda", words)
    elif not file.is_file():
        raise BadInput(
            "there is no such bundle", str(file), "name the file that make bundle wrote: BUNDLE=..."
        )
    packages = read_packages()
    lock = kept_lock(build_release.LOCK, packages)
    with at_work(site) as cache:
        release = made_from(site, inputs(site, packages, lock), kit()["hash"])
        if release and release.installed:
            say(
                f"The environment {release.name} is built, and environment.yml has not changed. Nothing to do."
            )
            return 0
        if release:
            say(f"Continuing with {release.name}, which was interrupted.")
        else:
            release = begin_release(site, packages, lock, cache, file)
        if not release.installed:
            install(site, release, cache)
    say(f"The packages are in place in {release.path}. Next: make install_all")
    return 0


def install_all(site: Site, *words: str) -> int:
    """Complete and verify the release that setup_conda began, and make the link `current` point to
    this release. Return 0.

    Raises Problem if setup_conda has not been run, or if a step fails. The link `current` points to
    the release in use, and is changed only after all other steps have succeeded.
    """
    _no_words("install_all", words)
    packages = read_packages()
    with at_work(site) as cache:
        release = made_from(
            site, inputs(site, packages, kept_lock(build_release.LOCK, packages)), kit()["hash"]
        )
        if release is None or not release.installed:
            raise Problem(
                "the packages of environment.yml are not there yet",
                str(site.releases),
                "run: make setup_conda",
            )
        in_use = current(site) == release.path.resolve()
        if release.whole and in_use and is_packed(site, release):
            say(f"{release.name} is complete and in use. Nothing to do.")
            return 0
        release = finish_release(site, release, packages, cache)
        if not in_use:
            switch_current_release(site, release)
    say(f"In use now: {release.name}, {WHAT[release.facts['source']['kind']]}.")
    return 0


def bundle(site: Site, *words: str) -> int:
    """Write the release in use to one file. Return 0.

    The written file, called a bundle, contains everything that another site needs to build the
    release.
    """
    path = current(site)
    release = read(path) if path else None
    if release is None:
        raise Problem(
            "there is no release to bundle", str(site.current), "run: make setup_conda install_all"
        )
    file = Path(words[0] if words else f"sitekit-{release.name}.tar").resolve()
    packages = read_packages()
    if release.facts.get("dependencies") != packages.digest:
        raise Problem(
            "environment.yml has changed since it was built", str(release.path), "run: make upgrade"
        )
    with at_work(site) as cache:
        write_bundle(site, release, packages, cache, file)
    return 0


def lock(site: Site, *words: str) -> int:
    """Solve environment.yml again, write environment.lock, and print which packages changed. Return
    0.

    The command also writes the packages of environment.lock to environment.explicit.txt, in conda's
    @EXPLICIT format.
    """
    _no_words("lock", words)
    packages = read_packages()
    with at_work(site) as cache:
        keep_lock(solve_newest(site, packages, cache), packages)
    return 0


def _no_words(command: str, words: tuple[str, ...]) -> None:
    if words:
        raise BadInput(
            f"{command} takes no arguments, but got '{' '.join(words)}'",
            remedy=f"run: make {command}",
        )
