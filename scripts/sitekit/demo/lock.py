"""Make sure that only one command of the demo runs at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.progress import say

# not in /run/lock, where any user could create the file first and hold the lock
LOCK = Path("/run/sitekit-demo.lock")


@contextmanager
def alone(path: Path = LOCK) -> Iterator[None]:
    """Hold the demo's lock during the block. Wait if another command holds it.

    The file is removed afterwards.
    """
    handle = _taken(path)
    try:
        yield
    finally:
        path.unlink()
        os.close(handle)


def _taken(path: Path) -> int:
    """Open and lock the file."""
    told = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                holder = os.read(handle, 20).decode(errors="replace").strip()
                say(
                    f"Another command of the demo is running (process {holder or 'unknown'}); waiting for it to end."
                )
                told = True
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The previous holder has removed the file. Then this lock is on a file that no other
        # command finds.
        if _same(handle, path):
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)


def _same(handle: int, path: Path) -> bool:
    """Return whether the opened file is still the one at the path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
