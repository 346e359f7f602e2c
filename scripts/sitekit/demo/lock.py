"""One command of the demo at a time: two at once would pull the ground from under each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.progress import say

# not in /run/lock, where anybody could make it first, and hold it
LOCK = Path("/run/sitekit-demo.lock")


@contextmanager
def alone(path: Path = LOCK) -> Iterator[None]:
    """Hold the demo for the block; if another command has it, say so and wait. The file is gone
    afterwards."""
    handle = _taken(path)
    try:
        yield
    finally:
        path.unlink()
        os.close(handle)


def _taken(path: Path) -> int:
    told = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                holder = os.read(handle, 20).decode(errors="replace").strip()
                say(
                    f"Another command of the demo is at work (process {holder or 'unknown'}); waiting for it to end."
                )
                told = True
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Whoever had it has removed the file: then this lock is on a file that nobody else will
        # find.
        if _same(handle, path):
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
