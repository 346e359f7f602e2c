"""Find out how much free space the user's home has, from its filesystem and from the user's
quota."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

QUOTA_TIMEOUT = 5.0  # seconds; over NFS, `quota` queries a service of the file server
# A home with less free space than this, in bytes, is nearly full. For a home smaller than 20 times
# this size, the limit is a twentieth of the home.
NEARLY_FULL = 2 * 1024**3
FEW_FILES = 1000
COLUMNS = 9
"""The number of columns of `quota -p`. The columns are the filesystem, then used, quota, limit and
grace for blocks, then the same four columns for files."""


@dataclass(frozen=True)
class Room:
    """Hold the size and the free space of a home, in bytes, and how many more files the home can
    contain.

    `files` is None if the number of files has no limit.
    """

    size: int
    free: int
    files: int | None = None

    @property
    def state(self) -> str:
        """Return "full" or "nearly full". If the home has enough free space, return ""."""
        if self.free <= 0 or self.files == 0:
            return "full"
        few = self.files is not None and self.files < FEW_FILES
        return "nearly full" if few or self.free < min(NEARLY_FULL, self.size // 20) else ""

    def as_dict(self) -> dict[str, Any]:
        """Return size, free space, number of files and state as a dictionary for the JSON answer to
        JupyterLab."""
        return {**asdict(self), "state": self.state}


def room_of(home: Path) -> Room | None:
    """Return the size and the free space of a home. If the user's quota leaves less space than the
    filesystem has, the result contains the quota's sizes.

    Returns None if the size is not known. This function may have to wait for a file server.
    """
    try:
        found = os.statvfs(home)
    except OSError:
        return None
    rooms = [ours] if (ours := of_quota(home)) else []
    if found.f_blocks:
        files = found.f_favail if found.f_files else None
        size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        rooms.append(Room(size, free, files))
    return min(rooms, key=lambda room: room.free, default=None)


def of_quota(home: Path) -> Room | None:
    """Return the space that the user's quota leaves. Returns None if the program `quota` is missing
    or does not answer, or if the user has no limit."""
    program = shutil.which("quota", path="/usr/bin:/bin:/usr/sbin:/sbin")
    if program is None:
        return None
    argv = [program, "-u", "-v", "-w", "-p", "-f", str(mount_point(home))]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=QUOTA_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_quota(done.stdout)


def read_quota(printed: str) -> Room | None:
    """Return the free space from the last line of the output of `quota -w -p`. If the line contains
    no limit, return None."""
    words = (printed.splitlines() or [""])[-1].split()
    try:
        # `quota` prints an asterisk after a figure that is above the quota
        figures = [int(word.rstrip("*")) for word in words[1 - COLUMNS :]]
    except ValueError:
        return None
    if len(words) < COLUMNS:
        return None
    used, soft, hard, _, files_used, _, files_hard, _ = figures
    if not (limit := hard or soft):
        return None
    files = max(0, files_hard - files_used) if files_hard else None
    return Room(limit * 1024, max(0, limit - used) * 1024, files)


def mount_point(path: Path) -> Path:
    """Return the folder at which the filesystem of this path is mounted."""
    path = path.resolve()
    return next((one for one in (path, *path.parents) if one.is_mount()), Path("/"))
