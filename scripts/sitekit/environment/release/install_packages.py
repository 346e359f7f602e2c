"""Install the packages of a release into the release's final directory. An installed release cannot
be moved."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from ...base.module_in_child_process import ask_child_process, end_with_this_process
from ...base.progress import step
from ...base.run_program import Argv, run
from ...site import Site
from ..channel import ENGINE
from ..channel.pin_pip_packages import requirement_name
from ..channel.solve_environment import configuration
from .lock_and_check_prefix import set_modes
from .releases import Release, clear, note

LISTING = "requirements.txt"


def install(site: Site, release: Release, cache: Path) -> Release:
    """Install the conda packages and the pip packages of a release. Raises Problem if the
    installation fails.

    Files of an interrupted run are removed first. After a failure, the release is unfinished. The
    next call of this function completes the release.
    """
    release = clear(release)
    request = {
        "verb": "install",
        "lock": str(release.lock),
        "prefix": str(release.path),
        "cache": str(cache),
        "specs": release.facts["specs"],
        "config": configuration(site),
    }
    with step(f"Installing into {release.path}", total=len(release.facts["packages"])) as progress:

        def update_progress(event: dict[str, Any]) -> None:
            """Update the progress bar when the installer sends an event."""
            progress.advance(event.get("advance", 0))
            if "note" in event:
                progress.note(event["note"])

        ask_child_process(ENGINE, request, update_progress, timeout=3600)
        # With this file, rattler marks the release's folder as a cache. Many backup programs skip
        # caches, and would therefore skip the release.
        (release.path / "CACHEDIR.TAG").unlink(missing_ok=True)
        set_modes(release.path)
        progress.done(f"{len(release.facts['packages'])} packages")
    _install_pip(release, cache)
    return note(release, installed=True)


def _install_pip(release: Release, cache: Path) -> None:
    """Install the packages below `pip:` in environment.yml by their hashes.

    pip installs only packages that the conda channel does not have.
    """
    pinned = release.facts.get("pip", [])
    if not pinned:
        return
    names = [requirement_name(line.split(" --hash")[0]) for line in pinned]
    with step("Installing with pip the packages that the channel lacks") as progress:
        wheels = _pip_wheels(release, pinned, cache)
        options: Argv = ["--no-deps", "--require-hashes", "--no-index", "--find-links", wheels]
        run([*pip_install(release), *options, "-r", wheels / LISTING], timeout=900)
        progress.done(", ".join(names))


def _pip_wheels(release: Release, pinned: list[str], cache: Path) -> Path:
    """Return a folder with the pinned wheels. If the folder is not in the cache, copy the wheels
    from a bundle, or download them."""
    folder = cache / wheels_name(pinned)
    if not folder.is_dir():
        work = cache / "wheels.partial"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        (work / LISTING).write_text("".join(f"{line}\n" for line in pinned))
        pip: Argv = [
            release.python,
            "-I",
            "-m",
            "pip",
            "--no-input",
            "--disable-pip-version-check",
            "-q",
            "download",
        ]
        get: Argv = [
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "-d",
            work,
            "-r",
            work / LISTING,
        ]
        run([*pip, *get], timeout=900)
        os.rename(work, folder)
    return folder


def wheels_name(pinned: list[str]) -> str:
    """Return the name of the folder with the pinned wheels. The name is the same in the cache and
    in a bundle."""
    return "wheels-" + hashlib.sha256("\n".join(pinned).encode()).hexdigest()[:16]


def pip_install(release: Release) -> list[str]:
    """Return the beginning of the command line `pip install` for a release.

    With these options, pip compiles no bytecode, because sitekit later compiles the files of all
    packages.
    """
    quiet = [
        "-q",
        "--disable-pip-version-check",
        "--no-input",
        "--no-compile",
        "--root-user-action=ignore",
    ]
    return [*end_with_this_process([release.python, "-I", "-m", "pip", "install"]), *quiet]
