"""Compare versions by PEP 440 for PyPI, and by semantic versioning for npm."""

from __future__ import annotations

import re
from typing import Any

from packaging.version import InvalidVersion, Version

_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def key(ecosystem: str, version: str) -> Any:
    """Return the sort key of a version. A newer version has a larger sort key. `ecosystem` is
    `PyPI` or `npm`. Raises ValueError for an invalid version."""
    if ecosystem == "PyPI":
        try:
            return Version(version)
        except InvalidVersion as fault:
            raise ValueError(str(fault)) from None
    found = _SEMVER.fullmatch(version.strip())
    if not found:
        raise ValueError(f"{version!r} is no semantic version")
    numbers = tuple(int(part) for part in found.groups()[:3])
    # The order of semver.org, item 11: 1.0.0-rc.1 is before 1.0.0. In the pre-release part (rc.1),
    # numbers are before words, and fewer fields are before more fields.
    before = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in (found[4] or "").split(".")
        if part
    )
    return (numbers, not before, before)
