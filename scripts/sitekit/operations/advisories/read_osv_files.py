"""Read advisories in OSV's format (https://ossf.github.io/osv-schema/) from files.

The content of the files is not trusted, and is only treated as data.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .compare_versions import key
from .list_installed_packages import Package, normalized

ECOSYSTEMS = ("PyPI", "npm")
_LARGEST = 16 * 1024 * 1024  # bytes: larger documents are not read; an advisory has a few thousand


@dataclass(frozen=True)
class Hit:
    """An advisory that applies to an installed package.

    `fixed` is the next version without the fault; None if no such version is known.
    """

    package: Package
    id: str
    aliases: tuple[str, ...]
    summary: str
    fixed: str | None


def read_advisories(path: Path) -> Iterator[Any]:
    """Yield every JSON document in a JSON file, a zip archive or a folder. Yield None for a
    document that is invalid or too large."""
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            if inner.suffix in (".json", ".zip") and inner.is_file():
                yield from read_advisories(inner)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".json"):
                    yield _document(archive.read(entry)) if entry.file_size <= _LARGEST else None
    else:
        yield _document(path.read_bytes()) if path.stat().st_size <= _LARGEST else None


def _document(text: bytes) -> Any:
    """Parse a JSON document; return None if the document is invalid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_advisory(document: Any) -> bool:
    """Return whether a document is an advisory."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("id"), str)
        and "affected" in document
    )


def vulnerable_packages(
    document: dict[str, Any], packages: dict[tuple[str, str], list[Package]]
) -> Iterator[Hit]:
    """Yield a hit for each installed package to which an advisory applies. `packages` has the
    installed packages: (PyPI or npm, name) -> packages with this name.

    Raises ValueError, TypeError, KeyError or AttributeError for a document that is not in OSV's
    format.
    """
    if document.get("withdrawn"):
        return
    found: dict[Package, str | None] = {}
    for affected in document["affected"]:
        ecosystem = affected["package"]["ecosystem"].split(":")[0]
        name = affected["package"]["name"]
        for package in packages.get(
            (ecosystem, normalized(name) if ecosystem == "PyPI" else name), ()
        ):
            if _is_affected(affected, package):
                found[package] = found.get(package) or _fixed(affected, package)
    for package, fixed in found.items():
        aliases = tuple(alias for alias in document.get("aliases") or () if isinstance(alias, str))
        summary = document.get("summary") or document.get("details") or ""
        yield Hit(package, document["id"], aliases, str(summary).strip().partition("\n")[0], fixed)


def _is_affected(affected: dict[str, Any], package: Package) -> bool:
    """Return whether an advisory applies to the installed version of the package. `affected` is the
    part of the advisory about one package."""
    if package.version in (affected.get("versions") or ()):
        return True
    return any(_in_range(events, package) for events in _ranges(affected))


def _ranges(affected: dict[str, Any]) -> Iterator[list[tuple[str, str]]]:
    """Yield each range of versions in a part of an advisory, as a list of events. Each event is a
    pair (event, version).

    Ranges of git commits are ignored, because a package's version cannot be compared with commits.
    """
    for one in affected.get("ranges") or ():
        if one["type"] in ("ECOSYSTEM", "SEMVER"):
            yield [(what, version) for event in one["events"] for what, version in event.items()]


def _in_range(events: list[tuple[str, str]], package: Package) -> bool:
    """Return whether the installed version is in a range, by the rule in OSV's schema (Evaluation).

    Return False if the installed version cannot be compared, because it does not have the format of
    PyPI or npm. A package that the site has built itself can have such a version.
    """
    try:
        here = key(package.ecosystem, package.version)
    except ValueError:
        return False
    limits = [version for what, version in events if what == "limit" and version != "*"]
    if limits and not any(here < key(package.ecosystem, limit) for limit in limits):
        return False
    inside = False
    for what, version in sorted(events, key=lambda event: _place(package.ecosystem, event)):
        place = None if version == "0" else key(package.ecosystem, version)
        if what == "introduced" and (place is None or here >= place):
            inside = True
        elif (what == "fixed" and here >= place) or (what == "last_affected" and here > place):
            inside = False
    return inside


def _place(ecosystem: str, event: tuple[str, str]) -> tuple[Any, ...]:
    """Return the sort key of an event. An event is a pair such as (`fixed`, `1.2`). The event says
    in which version of a package a fault begins or ends."""
    what, version = event
    if version in ("0", "*"):
        return (0,)
    return (1, key(ecosystem, version), what != "introduced")


def _fixed(affected: dict[str, Any], package: Package) -> str | None:
    """Return the first version after the installed version that does not have the fault; None if no
    such version is known."""
    try:
        here = key(package.ecosystem, package.version)
        fixes = [
            version for events in _ranges(affected) for what, version in events if what == "fixed"
        ]
        later = {key(package.ecosystem, version): version for version in fixes}
        return next((later[place] for place in sorted(later) if place > here), None)
    except ValueError:
        return None
