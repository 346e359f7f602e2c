"""Manage the releases below the prefix: their names, their state files, and the link `current`.

A release is a directory `<date>-<hash of its packages and of sitekit>`. A release that is being
built contains a file `building.json`. A release that contains a file `release.json` is complete,
and its packages are never changed again. If the verification of a release fails, the release is
renamed to `<name>.failed`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import Problem
from ...base.files import switch_link, write_atomic
from ...site import Site
from ..channel.solve_environment import Solution, explicit, packages_hash

BUILDING, WHOLE, LOCK, EXPLICIT = (
    "building.json",
    "release.json",
    "environment.lock",
    "explicit.txt",
)
STATE = {BUILDING, WHOLE, LOCK, EXPLICIT}
FAILED = ".failed"
HISTORY = "history.jsonl"


@dataclass(frozen=True)
class Release:
    """Hold the path and the state of one release.

    `facts` is the content of the release's state file. `whole` is true if the release is complete
    and verified.
    """

    path: Path
    facts: dict[str, Any]
    whole: bool

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def lock(self) -> Path:
        """Return the path of rattler's lock file, which lists the packages of the release."""
        return self.path / LOCK

    @property
    def installed(self) -> bool:
        """Return whether all packages are installed. Even then, the release can still be
        incomplete."""
        return self.whole or bool(self.facts.get("installed"))

    @property
    def failed(self) -> bool:
        return self.name.endswith(FAILED)

    @property
    def kit(self) -> str:
        """Return the hash of the version of sitekit that is installed, or will be installed, in the
        release."""
        return str(self.facts.get("kit", {}).get("hash"))

    @property
    def solution(self) -> Solution:
        """Return the packages of the release. Another release can be built from this Solution."""
        source, facts = self.facts["source"], self.facts
        return Solution(
            source["kind"],
            source["told"],
            source["channels"],
            facts["specs"],
            facts.get("pip", []),
            facts["packages"],
            self.lock.read_text(),
        )


def releases(site: Site) -> list[Release]:
    """Return all releases of the site, newest first. Directories that are not releases are
    ignored."""
    if not site.releases.is_dir():
        return []
    found = [
        read(path) for path in site.releases.iterdir() if path.is_dir() and not path.is_symlink()
    ]
    return sorted(
        (release for release in found if release),
        key=lambda release: release.facts["begun"],
        reverse=True,
    )


def read(path: Path) -> Release | None:
    """Return the release in the directory `path`. If the directory is not a release, return None.

    Raises Problem if the directory contains a state file that sitekit has not written.
    """
    for name in (WHOLE, BUILDING):
        file = path / name
        try:
            facts = json.loads(file.read_text())
            facts["begun"], facts["inputs"], facts["packages"], facts["source"]["kind"]
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError) as error:
            remedy = f"remove {path} and build it again"
            raise Problem(
                f"is not what sitekit writes there ({error})", str(file), remedy
            ) from None
        return Release(path, facts, name == WHOLE)
    return None


def current(site: Site) -> Path | None:
    """Return the directory of the current release. If there is no current release, return None."""
    try:
        return site.current.resolve(strict=True)
    except OSError:
        return None


def made_from(site: Site, inputs: dict[str, str], kit: str | None = None) -> Release | None:
    """Return a release, finished or not, that was built from these inputs and this version of
    sitekit. If no such release exists, return None.

    `inputs` maps the kind of source to a hash. `kit` is the hash of sitekit's own files. If `kit`
    is None, the release can contain any version of sitekit. Of several such releases, the current
    release is preferred, then releases with all packages, then the newest release. Failed releases
    are ignored.
    """
    in_use = current(site)
    fitting = [
        release
        for release in releases(site)
        if inputs[release.facts["source"]["kind"]] in release.facts["inputs"]
        and not release.failed
        and kit in (None, release.kit)
    ]
    fitting.sort(key=lambda release: (release.path == in_use, release.installed), reverse=True)
    return fitting[0] if fitting else None


def find_same_release(site: Site, solution: Solution, kit: str) -> Release | None:
    """Return a release with exactly these packages and this version of sitekit. If there is no such
    release, return None.

    The returned release can come from another environment.yml that led to the same packages.
    """
    digest = packages_hash(solution.packages)
    for release in releases(site):
        made = (release.facts["hash"], release.facts.get("pip", []), release.kit)
        if made == (digest, solution.pip, kit) and not release.failed:
            return release
    return None


def newest_whole(site: Site) -> Release | None:
    """Return the newest complete release. If there is no complete release, return None."""
    return next((release for release in releases(site) if release.whole), None)


def begin(site: Site, solution: Solution, kit: dict[str, str], inputs: str, asked: str) -> Release:
    """Create the directory of a new release, with its lock and its state file. This function
    installs no packages."""
    digest = packages_hash(solution.packages)
    short = hashlib.sha256("\n".join([digest, *solution.pip, kit["hash"]]).encode()).hexdigest()[:8]
    name = f"{time.strftime('%Y-%m-%d')}-{short}"
    names = (name, *(f"{name}.{number}" for number in range(2, 100)))
    path = next(site.releases / one for one in names if not taken(site.releases / one))
    path.mkdir(mode=0o755, exist_ok=True)
    write_atomic(path / LOCK, solution.lock)
    write_atomic(path / EXPLICIT, explicit(solution.packages))
    facts = {
        "specs": solution.specs,
        "pip": solution.pip,
        "source": solution.source,
        "kit": kit,
        "inputs": [inputs],
    }
    facts["dependencies"] = asked
    state = {
        "name": path.name,
        "begun": _now(),
        "hash": digest,
        "dependencies": asked,
        "packages": solution.packages,
        **facts,
    }
    return note(Release(path, state, False))


def taken(path: Path) -> bool:
    """Return whether `path` is already in use by a release, a file or a link.

    A directory without a state file does not count as in use, because only a crashed build leaves
    such a directory.
    """
    if path.is_symlink() or not path.is_dir():
        return path.is_symlink() or path.exists()
    return (path / BUILDING).exists() or (path / WHOLE).exists()


def clear(release: Release) -> Release:
    """Remove the files that an interrupted run has left in an unfinished release.

    A new run is fast, because the packages of the unfinished release are still in the cache.
    """
    if release.whole:
        raise AssertionError(f"{release.path} is whole, and never changed again")
    for path in release.path.iterdir():
        if path.name not in STATE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    facts = {
        key: value for key, value in release.facts.items() if key not in ("installed", "finishing")
    }
    return note(Release(release.path, facts, False))


def set_aside(release: Release, why: str) -> Path:
    """Rename a release whose verification failed to `<name>.failed`. Return the new path."""
    note(release, failed=why)
    aside = release.path.with_name(release.name + FAILED)
    if aside.exists():
        shutil.rmtree(aside)
    os.rename(release.path, aside)
    return aside


def note(release: Release, **facts: object) -> Release:
    """Add `facts` to the state file of the release. Return the changed release."""
    state, name = {**release.facts, **facts}, WHOLE if release.whole else BUILDING
    for draft in release.path.glob(f".{name}.*"):  # a killed run has left this file
        draft.unlink()
    write_atomic(release.path / name, json.dumps(state, indent=1) + "\n")
    return Release(release.path, state, release.whole)


def finish(release: Release, **facts: object) -> Release:
    """Mark the release as complete. This is the last step of a build."""
    done = note(Release(release.path, {**release.facts, "finished": _now()}, True), **facts)
    (release.path / BUILDING).unlink(missing_ok=True)
    return done


def switch_current_release(site: Site, release: Release) -> None:
    """Make the symbolic link `current` point to the release, in one step, and record the time.

    The link is relative, because some nodes can mount the prefix at another path. The time is
    recorded first, because releases_in_use.py needs a complete record to find the release of a
    running server.
    """
    with (site.releases / HISTORY).open("a") as history:
        history.write(json.dumps({"at": time.time(), "release": release.name}) + "\n")
        history.flush()
        os.fsync(history.fileno())
    switch_link(site.current, os.path.relpath(release.path, site.current.parent))


def history(site: Site) -> list[tuple[float, str]]:
    """Return all changes of the link `current`, the oldest first. Each change is the time in
    seconds since the epoch and the name of the new release.

    Incomplete lines, left by a crash, are ignored. If somebody has changed the link without
    sitekit, this function uses the time of the link itself.
    """
    try:
        lines = (site.releases / HISTORY).read_text().splitlines()
    except FileNotFoundError:
        lines = []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            found.append((float(entry["at"]), str(entry["release"])))
        except (ValueError, KeyError, TypeError):
            continue
    in_use = current(site)
    if in_use and (not found or found[-1][1] != in_use.name):
        found.append((site.current.lstat().st_mtime, in_use.name))
    return found


def _now() -> str:
    """Return the current local time, with its offset from UTC, as text."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
