"""Find the filesystems that are mounted at a folder or below it."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""The kernel's list of mounted filesystems (proc(5)). The fifth word of a line is the mount
point."""


def mounts_in(folder: Path) -> list[Path]:
    """Return the mount points at the folder or below it. If `folder` is a symbolic link, the link
    is not followed.
    """
    real = folder.parent.resolve() / folder.name
    points = [_decoded(line.split(b" ")[4]) for line in MOUNTS.read_bytes().splitlines()]
    return sorted({point for point in points if point.is_relative_to(real)})


def _decoded(point: bytes) -> Path:
    r"""Decode a mount point from mountinfo, in which a space is written as `\040`."""
    octal = re.compile(rb"\\([0-7]{3})")
    return Path(os.fsdecode(octal.sub(lambda found: bytes([int(found[1], 8)]), point)))
