"""List the packages of PyPI and npm below a folder, from the metadata of these packages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path


@dataclass(frozen=True, order=True)
class Package:
    """One version of a package.

    `place` is the installation that contains the package. `name` is in PyPI's normalized form, if
    the package comes from PyPI.
    """

    ecosystem: str
    name: str
    version: str
    place: str


def installed(folder: Path, place: str) -> Iterator[Package]:
    """Yield each package below `folder` once. Unreadable files are ignored."""
    found = set()
    for path, folders, files in os.walk(folder):
        for name in folders:
            if name.endswith(".dist-info"):
                found.add(_python(Path(path, name, "METADATA"), place))
        if "package.json" in files and _is_package(Path(path)):
            found.add(_node(Path(path, "package.json"), place))
    yield from sorted(filter(None, found))


def normalized(name: str) -> str:
    """Return a package's name in PyPI's normalized form (packaging user guide, Names and
    normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(metadata: Path, place: str) -> Package | None:
    """Return the package that a METADATA file describes."""
    try:
        said = HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    name, version = said.get("Name"), said.get("Version")
    return Package("PyPI", normalized(name), version, place) if name and version else None


def _is_package(path: Path) -> bool:
    """Return whether the folder is an npm package. The folder of an npm package is directly in a
    folder node_modules, or in a scope's folder (`@NAME`) in node_modules."""
    above = path.parent
    return above.name == "node_modules" or (
        above.name.startswith("@") and above.parent.name == "node_modules"
    )


def _node(file: Path, place: str) -> Package | None:
    """Return the package that a package.json describes."""
    try:
        said = json.loads(file.read_text(encoding="utf-8", errors="replace"))
        name, version = said["name"], said["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (
        Package("npm", name, version, place)
        if isinstance(name, str) and isinstance(version, str)
        else None
    )
