"""`make advisories OSV=...`: the release in use and the kit itself, held against advisories from a
file or a mirror."""

from __future__ import annotations

import contextlib
import shutil
import sysconfig
import tempfile
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...base.errors import BadInput, Problem
from ...base.progress import say, step
from ...site import Site
from .installed import Package, installed
from .osv import ECOSYSTEMS, Hit, hits, is_advisory, read

_PATIENCE = 60.0  # seconds without a byte
_WHERE = "make advisories OSV=path-or-address: a zip archive, a folder or a file of OSV's, several with blanks between"


@dataclass
class _Read:
    """What was found in the sources: `seen` are the ids, `newest` is when the last was changed."""

    found: set[Hit] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    unread: int = 0
    newest: str = ""


def advisories(site: Site, *sources: str) -> int:
    """Show each package with a known weakness, and its mend. Returns 1 if there is one. Raises
    BadInput."""
    if not sources:
        raise BadInput("where the advisories are is not said", remedy=_WHERE)
    packages = _packages(site)
    known = defaultdict(list)
    for package in packages:
        known[package.ecosystem, package.name].append(package)
    held = _Read()
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-osv-") as scratch,
        step("Reading the advisories") as under_way,
    ):
        for source in sources:
            before = len(held.seen)
            for document in read(_fetched(site, source, Path(scratch))):
                _hold(document, known, held)
                if len(held.seen) % 1000 == 0:
                    under_way.note(str(len(held.seen)))
            if len(held.seen) == before:
                raise BadInput("there is no advisory in OSV's form in it", source, _WHERE)
        under_way.done(f"{len(held.seen)}, the newest of {held.newest[:10] or 'an unknown day'}")
    return _told(packages, held)


def _hold(document: Any, known: dict[tuple[str, str], list[Package]], held: _Read) -> None:
    try:
        if not is_advisory(document):
            raise ValueError
        held.found |= set(hits(document, known))
    except (ValueError, TypeError, KeyError, AttributeError):
        held.unread += 1
        return
    held.seen.add(document["id"])
    when = document.get("modified")
    held.newest = max(held.newest, when if isinstance(when, str) else "")


def _packages(site: Site) -> list[Package]:
    if not site.current.exists():
        raise BadInput("there is no release yet", str(site.current), "make setup_conda install_all")
    release = site.current.resolve()
    with step("Looking at what is installed") as under_way:
        found = list(installed(release, f"release {release.name}"))
        own = Path(sysconfig.get_path("purelib"))
        if not own.is_relative_to(release):
            found += installed(own, "the kit")
        counts = ", ".join(
            f"{sum(one.ecosystem == name for one in found)} of {name}" for name in ECOSYSTEMS
        )
        under_way.done(counts)
    return found


def _told(packages: list[Package], held: _Read) -> int:
    for hit in sorted(held.found, key=lambda hit: (hit.package, hit.id)):
        package, names = hit.package, ", ".join([hit.id, *hit.aliases])
        fixed = f"fixed in {hit.fixed}" if hit.fixed else "no version without it is named"
        say(
            _plain(
                f" !! {package.name} {package.version} ({package.ecosystem}, {package.place}): {names}; {fixed}"
            )
        )
        if hit.summary:
            say(_plain(f"    {hit.summary}"))
    if held.unread:
        say(f"    {held.unread} documents are not in OSV's form, and were passed over")
    concerned = {hit.package for hit in held.found}
    if concerned:
        say(
            f" !! {len(concerned)} of {len(packages)} packages have known weaknesses; see docs/security.md, Advisories"
        )
        return 1
    say(
        f" ok none of the {len(packages)} packages of PyPI and npm has a known weakness in these advisories"
    )
    return 0


def _plain(text: str) -> str:
    """What others wrote, harmless to a terminal and on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:400]


def _fetched(site: Site, source: str, scratch: Path) -> Path:
    """A path as it is; what is at an address, as a file. Raises BadInput, Problem."""
    if "://" not in source:
        if not Path(source).exists():
            raise BadInput("it is not there", source, _WHERE)
        return Path(source)
    if urlsplit(source).scheme not in ("https", "file"):
        raise BadInput(
            "whoever is between could leave an advisory out",
            source,
            "name an https address, or a file",
        )
    file = (
        scratch / f"{len(list(scratch.iterdir()))}{Path(urlsplit(source).path).suffix or '.json'}"
    )
    try:
        with contextlib.closing(_opened(site, source)) as answer, file.open("wb") as copy:
            shutil.copyfileobj(answer, copy)
    except OSError as trouble:
        reason = getattr(trouble, "reason", None) or trouble
        raise Problem(
            f"it could not be fetched: {reason}", source, "try again, or bring it as a file"
        ) from None
    return file


def _opened(site: Site, source: str) -> Any:
    handlers = []
    if site.environment.proxy:
        handlers.append(urllib.request.ProxyHandler({"https": str(site.environment.proxy)}))
    return urllib.request.build_opener(*handlers).open(source, timeout=_PATIENCE)
