"""The releases of the environment below the prefix: their names, their state, and the link
`current`.

A release is a directory `<date>-<hash of its lock and of the kit>`. While it is being made it holds
`building.json`; `release.json`, written last, says that it is whole and what is in it. Nothing else
is ever trusted, and a whole one is never changed again. One that did not pass its verification is
set aside as `<name>.failed`.
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
from ..channel.solution import Solution, explicit, packages_hash

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
    """One release. `facts` is what its state file says; `whole` that it was finished and verified."""

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
        """rattler's lock of exactly these packages."""
        return self.path / LOCK

    @property
    def installed(self) -> bool:
        """All its packages are in place; what install_all adds may be missing."""
        return self.whole or bool(self.facts.get("installed"))

    @property
    def failed(self) -> bool:
        return self.name.endswith(FAILED)

    @property
    def kit(self) -> str:
        """The digest of the kit that is, or will be, in it."""
        return str(self.facts.get("kit", {}).get("hash"))

    @property
    def solution(self) -> Solution:
        """Its packages, for another release of the same."""
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
    """All releases of the site, newest first; directories that are none are left out."""
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
    """The release at `path`, or None when there is none. Raises Problem for a state file that is
    not sitekit's."""
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
    """The directory of the release in use, resolved; None when there is none yet."""
    try:
        return site.current.resolve(strict=True)
    except OSError:
        return None


def made_from(site: Site, inputs: dict[str, str], kit: str | None = None) -> Release | None:
    """The newest release that was made, or begun, from `inputs` (by kind of source) and `kit` (any,
    when None).

    The one in use is preferred; one that failed does not count.
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


def same(site: Site, solution: Solution, kit: str) -> Release | None:
    """A release of exactly these packages and this kit, whatever it was made from."""
    digest = packages_hash(solution.packages)
    for release in releases(site):
        made = (release.facts["hash"], release.facts.get("pip", []), release.kit)
        if made == (digest, solution.pip, kit) and not release.failed:
            return release
    return None


def newest_whole(site: Site) -> Release | None:
    """The release that was finished last; None where there is none."""
    return next((release for release in releases(site) if release.whole), None)


def begin(site: Site, solution: Solution, kit: dict[str, str], inputs: str, asked: str) -> Release:
    """Make the directory of a new release, with its lock and its state; nothing is installed yet."""
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
    """Whether `path` is a release, or anything else but a directory without a state, which a crash
    leaves behind."""
    if path.is_symlink() or not path.is_dir():
        return path.is_symlink() or path.exists()
    return (path / BUILDING).exists() or (path / WHOLE).exists()


def clear(release: Release) -> Release:
    """Take away what an interrupted run left in an unfinished release. The cache has its packages:
    little is lost."""
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
    """Put away a release that did not pass, under the name `<name>.failed`; return its place."""
    note(release, failed=why)
    aside = release.path.with_name(release.name + FAILED)
    if aside.exists():
        shutil.rmtree(aside)
    os.rename(release.path, aside)
    return aside


def note(release: Release, **facts: object) -> Release:
    """Write `facts` into the release's state."""
    state, name = {**release.facts, **facts}, WHOLE if release.whole else BUILDING
    for draft in release.path.glob(f".{name}.*"):  # of a run that was killed while it wrote
        draft.unlink()
    write_atomic(release.path / name, json.dumps(state, indent=1) + "\n")
    return Release(release.path, state, release.whole)


def finish(release: Release, **facts: object) -> Release:
    """Declare the release whole. Comes last."""
    done = note(Release(release.path, {**release.facts, "finished": _now()}, True), **facts)
    (release.path / BUILDING).unlink(missing_ok=True)
    return done


def switch(site: Site, release: Release) -> None:
    """Point `current` at the release, in one step, and note when. The target is relative: a node
    may mount the prefix elsewhere. The note comes first: whoever looks for what a running server
    started with must not miss the switch.
    """
    with (site.releases / HISTORY).open("a") as history:
        history.write(json.dumps({"at": time.time(), "release": release.name}) + "\n")
        history.flush()
        os.fsync(history.fileno())
    switch_link(site.current, os.path.relpath(release.path, site.current.parent))


def history(site: Site) -> list[tuple[float, str]]:
    """When `current` was pointed at which release, the oldest first. A line that a crash cut off is
    passed over.

    Somebody may have moved the link by hand: its own time tells when.
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
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
