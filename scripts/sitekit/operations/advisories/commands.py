"""Compare the packages of the current release, and the packages that sitekit itself uses, with
security advisories (`make advisories OSV=...`).

The command reads the advisories from files and folders, or downloads them from a URL.
"""

from __future__ import annotations

import sysconfig
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.errors import BadInput
from ...base.progress import say, step
from ...site import Site
from .list_installed_packages import Package, installed
from .read_advisory_source import WHERE, fetched
from .read_osv_files import ECOSYSTEMS, Hit, is_advisory, read_advisories, vulnerable_packages


@dataclass
class _Read:
    """What the command has read from the sources of advisories. `found` has the hits (advisories
    that apply to a package), and `seen` has the ids of all advisories. `unread` is the number of
    documents that are not in OSV's format. `newest` is the time at which an advisory was changed
    last."""

    found: set[Hit] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    unread: int = 0
    newest: str = ""


def advisories(site: Site, *sources: str) -> int:
    """Print each package with a known vulnerability, and the version that fixes it.

    Returns 1 if a package has a known vulnerability, else 0. Raises BadInput.
    """
    if not sources:
        raise BadInput("no source of advisories is given", remedy=WHERE)
    packages = _packages(site)
    known = defaultdict(list)
    for package in packages:
        known[package.ecosystem, package.name].append(package)
    result = _Read()
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-osv-") as scratch,
        step("Reading the advisories") as progress,
    ):
        for source in sources:
            before = len(result.seen)
            for document in read_advisories(fetched(site, source, Path(scratch))):
                _compare(document, known, result)
                if len(result.seen) % 1000 == 0:
                    progress.note(str(len(result.seen)))
            if len(result.seen) == before:
                raise BadInput("there is no advisory in OSV's form in it", source, WHERE)
        progress.done(f"{len(result.seen)}, the newest of {result.newest[:10] or 'an unknown day'}")
    return _print_result(packages, result)


def _compare(document: Any, known: dict[tuple[str, str], list[Package]], result: _Read) -> None:
    """Compare one advisory (`document`) with the installed packages (`known`). Add a hit to
    `result` for each package to which the advisory applies."""
    try:
        if not is_advisory(document):
            raise ValueError
        result.found |= set(vulnerable_packages(document, known))
    except (ValueError, TypeError, KeyError, AttributeError):
        result.unread += 1
        return
    result.seen.add(document["id"])
    when = document.get("modified")
    result.newest = max(result.newest, when if isinstance(when, str) else "")


def _packages(site: Site) -> list[Package]:
    """Return the installed packages of the current release and of sitekit itself."""
    if not site.current.exists():
        raise BadInput("there is no release yet", str(site.current), "make setup_conda install_all")
    release = site.current.resolve()
    with step("Reading the list of installed packages") as progress:
        found = list(installed(release, f"release {release.name}"))
        own = Path(sysconfig.get_path("purelib"))
        if not own.is_relative_to(release):
            found += installed(own, "the kit")
        counts = ", ".join(
            f"{sum(one.ecosystem == name for one in found)} of {name}" for name in ECOSYSTEMS
        )
        progress.done(counts)
    return found


def _print_result(packages: list[Package], result: _Read) -> int:
    """Print the result of the comparison; return the exit code."""
    for hit in sorted(result.found, key=lambda hit: (hit.package, hit.id)):
        package, names = hit.package, ", ".join([hit.id, *hit.aliases])
        fixed = f"fixed in {hit.fixed}" if hit.fixed else "no version without it is named"
        say(
            _plain(
                f" !! {package.name} {package.version} ({package.ecosystem}, {package.place}): {names}; {fixed}"
            )
        )
        if hit.summary:
            say(_plain(f"    {hit.summary}"))
    if result.unread:
        say(f"    {result.unread} documents are not in OSV's format, and were ignored")
    concerned = {hit.package for hit in result.found}
    if concerned:
        say(
            f" !! {len(concerned)} of {len(packages)} packages are vulnerable; see docs/security.md, Advisories"
        )
        return 1
    say(
        f" ok none of the {len(packages)} packages of PyPI and npm has a known vulnerability in these advisories"
    )
    return 0


def _plain(text: str) -> str:
    """Convert a text from a source of advisories to one short line without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:400]
