"""Install a solution into the release's final directory: a built prefix cannot be moved."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from ...base.child import ask, mortal
from ...base.command import Argv, run
from ...base.progress import step
from ...site import Site
from ..channel import ENGINE
from ..channel.pip_pins import requirement_name
from ..channel.solution import configuration
from .prefix import set_modes
from .releases import Release, clear, note

LISTING = "requirements.txt"


def install(site: Site, release: Release, cache: Path) -> Release:
    """Put the packages of the release's lock in place, and what pip adds. What an interrupted run
    left goes first.

    Raises Problem; the release is then unfinished, and the same call finishes it.
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
    with step(f"Installing into {release.path}", total=len(release.facts["packages"])) as s:

        def heard(event: dict[str, Any]) -> None:
            s.advance(event.get("advance", 0))
            if "note" in event:
                s.note(event["note"])

        ask(ENGINE, request, heard, timeout=3600)
        # rattler marks the prefix as a cache; back-ups that honour the mark would leave the
        # environment out.
        (release.path / "CACHEDIR.TAG").unlink(missing_ok=True)
        set_modes(release.path)
        s.done(f"{len(release.facts['packages'])} packages")
    _install_pip(release, cache)
    return note(release, installed=True)


def _install_pip(release: Release, cache: Path) -> None:
    """The `pip:` part of environment.yml, for channels that do not carry it: by hash."""
    pinned = release.facts.get("pip", [])
    if not pinned:
        return
    names = [requirement_name(line.split(" --hash")[0]) for line in pinned]
    with step("Installing with pip what the channel does not carry") as s:
        wheels = _pip_wheels(release, pinned, cache)
        options: Argv = ["--no-deps", "--require-hashes", "--no-index", "--find-links", wheels]
        run([*pip_install(release), *options, "-r", wheels / LISTING], timeout=900)
        s.done(", ".join(names))


def _pip_wheels(release: Release, pinned: list[str], cache: Path) -> Path:
    """A folder with the pinned wheels: kept from an earlier time, out of a bundle, or downloaded."""
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
    """What the folder with exactly these wheels is called in the cache and in a bundle."""
    return "wheels-" + hashlib.sha256("\n".join(pinned).encode()).hexdigest()[:16]


def pip_install(release: Release) -> list[str]:
    """The release's own `pip install`, to be continued. The bytecode comes later, with everybody's."""
    quiet = [
        "-q",
        "--disable-pip-version-check",
        "--no-input",
        "--no-compile",
        "--root-user-action=ignore",
    ]
    return [*mortal([release.python, "-I", "-m", "pip", "install"]), *quiet]
