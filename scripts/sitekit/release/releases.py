"""The releases of the environment below the prefix: their names, their state, and the link `current`.

A release is a directory `<date>-<hash of its packages>`. While it is being made it holds `building.json`;
`release.json`, written last, says that it is whole and what is in it. Nothing else is ever trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem
from ..files import switch_link, write_atomic
from ..site import Site

BUILDING, WHOLE, LOCK = "building.json", "release.json", "environment.lock"


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


def releases(site: Site) -> list[Release]:
    """All releases of the site, newest first; directories that are none are left out."""
    if not site.releases.is_dir():
        return []
    found = [read(path) for path in site.releases.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted((release for release in found if release), key=lambda release: release.facts["begun"], reverse=True)


def read(path: Path) -> Release | None:
    """The release at `path`, or None when there is none. Raises Problem for a state file that is not sitekit's."""
    for name in (WHOLE, BUILDING):
        file = path / name
        try:
            facts = json.loads(file.read_text())
            facts["begun"], facts["inputs"], facts["packages"], facts["source"]["kind"]
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError) as error:
            remedy = f"remove {path} and build it again"
            raise Problem(f"is not what sitekit writes there ({error})", str(file), remedy) from None
        return Release(path, facts, name == WHOLE)
    return None


def current(site: Site) -> Path | None:
    """The directory of the release in use, resolved; None when there is none yet."""
    try:
        return site.current.resolve(strict=True)
    except OSError:
        return None


def made_from(site: Site, inputs: dict[str, str]) -> Release | None:
    """The newest release that was made, or begun, from `inputs` (by kind of source); the one in use is preferred."""
    known = releases(site)
    fitting = [release for release in known if inputs[release.facts["source"]["kind"]] in release.facts["inputs"]]
    in_use = current(site)
    fitting.sort(key=lambda release: (release.path == in_use, release.installed), reverse=True)
    return fitting[0] if fitting else None


def same_packages(site: Site, packages: list[dict[str, str]]) -> Release | None:
    """A release of exactly these packages, whatever it was made from."""
    return next((release for release in releases(site) if release.facts["hash"] == packages_hash(packages)), None)


def packages_hash(packages: list[dict[str, str]]) -> str:
    """SHA-256 over names, versions, builds and hashes; where they came from does not count."""
    lines = sorted(f"{p['name']} {p['version']} {p['build']} {p['sha256']}" for p in packages)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def begin(site: Site, packages: list[dict[str, str]], lock: Path, facts: dict[str, Any]) -> Release:
    """Make the directory of a new release, with its lock and its state; nothing is installed yet."""
    digest = packages_hash(packages)
    path = site.releases / f"{time.strftime('%Y-%m-%d')}-{digest[:8]}"
    path.mkdir(mode=0o755, exist_ok=True)
    write_atomic(path / LOCK, lock.read_bytes())
    explicit = ["@EXPLICIT", *(f"{p['url']}#sha256:{p['sha256']}" for p in packages)]
    write_atomic(path / "explicit.txt", "\n".join(explicit) + "\n")
    state = {"name": path.name, "begun": _now(), "hash": digest, "packages": packages, **facts}
    return note(Release(path, state, False))


def note(release: Release, **facts: object) -> Release:
    """Write `facts` into the release's state."""
    state = {**release.facts, **facts}
    write_atomic(release.path / (WHOLE if release.whole else BUILDING), json.dumps(state, indent=1) + "\n")
    return Release(release.path, state, release.whole)


def finish(release: Release, **facts: object) -> Release:
    """Declare the release whole. Comes last."""
    done = note(Release(release.path, {**release.facts, "finished": _now()}, True), **facts)
    (release.path / BUILDING).unlink(missing_ok=True)
    return done


def switch(site: Site, release: Release) -> None:
    """Point `current` at the release, in one step. The target is relative: a node may mount the prefix elsewhere."""
    switch_link(site.current, os.path.relpath(release.path, site.current.parent))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
