"""Find the filesystems that are mounted at a folder or below it."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""The mounted filesystems; proc(5) describes this file. The fifth word is the mount point."""


def mounts_in(folder: Path) -> list[Path]:
    """Return the mount points at the folder or below it, without following a link at `folder`."""
    real = folder.parent.resolve() / folder.name
    points = [_decoded(line.split(b" ")[4]) for line in MOUNTS.read_bytes().splitlines()]
    return sorted({point for point in points if point.is_relative_to(real)})


def _decoded(point: bytes) -> Path:
    r"""Return a path in which a space is written as `\040`, and some other characters likewise."""
    octal = re.compile(rb"\\([0-7]{3})")
    return Path(os.fsdecode(octal.sub(lambda found: bytes([int(found[1], 8)]), point)))
