"""Read environment.wheels.lock, and write the hash of environment.yml's dependencies into this
file.

environment.wheels.lock lists the version and the hash of each wheel for environment.yml. The
program scripts/lock creates environment.wheels.lock.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.markers import Marker

from ...base.data_files import data
from ...base.files import write_atomic
from .environment_yml import Packages, read

_STAMP = "# dependencies: sha256:"
_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==[^\s;]+(?: *; *([^\\\n]*?))? *\\?\n(?:[ \t]+.*\n?)*", re.MULTILINE
)


def matching(packages: Packages, path: Path | None = None) -> str | None:
    """Return the text of environment.wheels.lock. If the lock was not made from these packages,
    return None."""
    try:
        text = (path or data("environment.wheels.lock")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return text if f"{_STAMP}{packages.digest}" in text.splitlines() else None


def entries(lock: str, target: dict[str, str]) -> dict[str, str]:
    """Return the entries of the lock for the platform `target`, as a map of package names to lines
    of the lock.

    `target` has the values of the environment markers of Python packaging (PEP 508).
    """
    lines = {}
    for match in _ENTRY.finditer(lock):
        if not match[2] or Marker(match[2]).evaluate(target):
            lines[match[1]] = match[0] if match[0].endswith("\n") else match[0] + "\n"
    return lines


def main(words: list[str]) -> int:
    """Run this module as a program for scripts/lock. With the option `--wanted`, print the
    requirements in environment.yml, for which scripts/lock chooses versions.

    With `--stamp`, write a line into environment.wheels.lock. The line contains the hash of the
    dependencies from which this lock was made.
    """
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
