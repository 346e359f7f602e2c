"""Solve the packages and install them into the release's final directory: a built prefix cannot be moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..command import run
from ..progress import step
from .child import ENGINE, ask
from .packages import Packages
from .prefix import set_modes
from .releases import Release, note
from .wheel import target_environment
from .wheellock import entries, matching


def solve(channels: list[str], specs: list[str], cache: Path) -> tuple[list[dict[str, str]], Path]:
    """The packages that fit `specs`, and the file with rattler's lock of them. Raises Problem when none fit."""
    lock = cache / "solution.lock"
    request = {"verb": "solve", "channels": channels, "specs": specs, "cache": str(cache), "lock": str(lock)}
    with step("Solving") as s:
        packages = ask(ENGINE, request, timeout=900)
        s.done(f"{len(packages)} packages")
    return packages, lock


def install(release: Release, cache: Path) -> Release:
    """Put the packages of the release's lock in place, or those that an interrupted run left out."""
    request = {
        "verb": "install",
        "lock": str(release.lock),
        "prefix": str(release.path),
        "cache": str(cache),
        "specs": release.facts["specs"],
    }
    with step(f"Installing into {release.path}", total=len(release.facts["packages"])) as s:

        def heard(event: dict[str, Any]) -> None:
            s.advance(event.get("advance", 0))
            if "note" in event:
                s.note(event["note"])

        ask(ENGINE, request, heard, timeout=3600)
        # rattler marks the prefix as a cache; back-ups that honour the mark would leave the environment out.
        (release.path / "CACHEDIR.TAG").unlink(missing_ok=True)
        set_modes(release.path)
        s.done(f"{len(release.facts['packages'])} packages")
    return note(release, installed=True)


def install_pip(release: Release, packages: Packages, cache: Path) -> None:
    """The `pip:` part of environment.yml, for channels that do not carry it; by hash where the lock has it."""
    if not packages.pip:
        return
    version = run([release.python, "-I", "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    lock = matching(packages)
    known = entries(lock, target_environment(version)) if lock else {}
    listing = cache / "pip.txt"
    names = [requirement_name(line) for line in packages.pip]
    hashed = bool(known) and all(name in known for name in names)
    listing.write_text("".join(known[name] for name in names) if hashed else "\n".join(packages.pip) + "\n")
    options = ["--no-deps", "--require-hashes"] if hashed else []
    with step("Installing with pip what the channel does not carry") as s:
        run([*pip_install(release), *options, "-r", listing], timeout=900)
        s.done(", ".join(names))


def requirement_name(line: str) -> str:
    """`Jupyterlmod ==5.3.*` -> `jupyterlmod`."""
    return canonicalize_name(Requirement(line).name)


def pip_install(release: Release) -> list[str | Path]:
    """The release's own `pip install`, to be continued. The bytecode comes later, with everybody's."""
    quiet = ["-q", "--disable-pip-version-check", "--no-input", "--no-compile", "--root-user-action=ignore"]
    return [release.python, "-I", "-m", "pip", "install", *quiet]
