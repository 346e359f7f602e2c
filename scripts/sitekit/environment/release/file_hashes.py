"""Compare every file of a release with the records of its packages.

The faults are missing files, changed files, files that are in no record, and links that lead out of
the release.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .configure_release import HIDDEN
from .releases import STATE

Expected = dict[str, str]
"""Maps each path in the release to the SHA-256 of this file in hex. The hash is empty if only the
existence of the file is checked."""


def faults(prefix: Path, own: Expected) -> list[str]:
    """Return the faults in the files below `prefix`. `own` maps the files that sitekit itself has
    written to their SHA-256."""
    condas = _condas(prefix)
    expected = {**condas, **_pips(prefix, condas), **own}
    found = {os.path.relpath(path, prefix): path for path in _walk(prefix)}
    missing = [path for path in expected if path not in found and not path.startswith(f"{HIDDEN}/")]
    unowned = [path for path in found if path not in expected and not _known(path, found)]
    links = [
        path for path, place in found.items() if os.path.islink(place) and _leaves(place, prefix)
    ]
    known = [path for path in found if expected.get(path) and not path.endswith(".pyc")]
    with ThreadPoolExecutor(2) as pool:
        hashes = pool.map(lambda path: _sha256(found[path]), known, chunksize=500)
        altered = [
            path for path, digest in zip(known, hashes, strict=True) if digest != expected[path]
        ]
    told = {
        "is missing": missing,
        "was altered": altered,
        "belongs to no package": unowned,
        "leaves the release": links,
    }
    return [fault for what, paths in told.items() for fault in _shortened(paths, what)]


def _shortened(paths: list[str], what: str, limit: int = 5) -> list[str]:
    """Return at most `limit` faults, and a last line with the number of faults that are omitted."""
    more = [f"... and {len(paths) - limit} more: {what}"] * (len(paths) > limit)
    return [f"{path} {what}" for path in sorted(paths)[:limit]] + more


def _condas(prefix: Path) -> Expected:
    """Return the files of the release's conda packages, with their hashes."""
    expected = {}
    for file in (prefix / "conda-meta").glob("*.json"):
        for entry in json.loads(file.read_bytes())["paths_data"]["paths"]:
            digest = entry.get("sha256_in_prefix") or entry.get("sha256") or ""
            expected[entry["_path"]] = "" if entry["path_type"] == "softlink" else digest
    return expected


def _pips(prefix: Path, condas: Expected) -> Expected:
    """Return the files that pip installed in the release, from their RECORD files.

    pip may also have installed files when a conda package was built. Files that are in a conda
    package are omitted.
    """
    expected = {}
    for installer in prefix.glob("**/*.dist-info/INSTALLER"):
        if os.path.relpath(installer, prefix) in condas:
            continue
        top = installer.parents[1]
        with installer.with_name("RECORD").open(newline="") as record:
            for path, digest, _ in csv.reader(record):
                place = os.path.relpath(os.path.normpath(top / path), prefix)
                expected[place] = _hex(digest)
    return expected


def _hex(digest: str) -> str:
    """Convert `sha256=<base64 without padding>`, as in wheels, to hex."""
    text = digest.partition("=")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def _walk(prefix: Path) -> Iterator[str]:
    """Yield all files, and all links to folders, below the prefix."""
    for folder, folders, files in os.walk(prefix):
        for name in files:
            yield os.path.join(folder, name)
        for name in folders:
            if os.path.islink(path := os.path.join(folder, name)):
                yield path


def _known(path: str, found: dict[str, str]) -> bool:
    """Return whether a file is allowed to exist although no package lists the file. Such files are
    the state files of the release, the records of conda, and bytecode. `found` has all files of the
    release."""
    folder, name = os.path.split(path)
    if folder.endswith("__pycache__") and name.endswith(".pyc"):
        return (
            os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py") in found
            or _source(path) in found
        )
    return path in STATE or folder == "conda-meta"


def _source(path: str) -> str:
    """Return the path of the source file of a bytecode file: `a/__pycache__/b.c.cpython-311.pyc` ->
    `a/b.c.py`."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.dirname(folder), name.rsplit(".", 2)[0] + ".py")


def _leaves(link: str, prefix: Path) -> bool:
    """Return whether a symbolic link leads out of the release."""
    target = os.readlink(link)
    place = os.path.normpath(os.path.join(os.path.dirname(link), target))
    return os.path.isabs(target) or not place.startswith(f"{prefix}{os.sep}")


def _sha256(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
