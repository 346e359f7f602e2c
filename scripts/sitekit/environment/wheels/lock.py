"""Read environment.wheels.lock: the wheels for environment.yml, with their hashes.

scripts/lock writes this file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.markers import Marker

from ...base.data import data
from ...base.files import write_atomic
from .packages import Packages, read

_STAMP = "# dependencies: sha256:"
_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==[^\s;]+(?: *; *([^\\\n]*?))? *\\?\n(?:[ \t]+.*\n?)*", re.MULTILINE
)


def matching(packages: Packages, path: Path | None = None) -> str | None:
    """Return the text of the lock if it was made from these packages, else None."""
    try:
        text = (path or data("environment.wheels.lock")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return text if f"{_STAMP}{packages.digest}" in text.splitlines() else None


def entries(lock: str, target: dict[str, str]) -> dict[str, str]:
    """Return the lines of each package in the lock that `target` needs.

    `target` is an environment for dependency markers.
    """
    found = {}
    for match in _ENTRY.finditer(lock):
        if not match[2] or Marker(match[2]).evaluate(target):
            found[match[1]] = match[0] if match[0].endswith("\n") else match[0] + "\n"
    return found


def main(words: list[str]) -> int:
    """Print what to lock (`--wanted`), or write the dependencies' hash to the lock (`--stamp`)."""
    packages = read(data("environment.yml"))
    if words == ["--wanted"]:
        print("\n".join(packages.wheels))
        return 0
    path = data("environment.wheels.lock")
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith(_STAMP)
    ]
    write_atomic(path, "\n".join([f"{_STAMP}{packages.digest}", *lines]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
