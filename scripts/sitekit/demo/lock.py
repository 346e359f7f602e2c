"""Make sure that only one command of the demo runs at a time.

Otherwise, two commands of the demo could change the same services and files at the same time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.progress import say

# /run/lock is not used, because every user can create a file in /run/lock and lock this file.
LOCK = Path("/run/sitekit-demo.lock")


@contextmanager
def hold_demo_lock(path: Path = LOCK) -> Iterator[None]:
    """Hold the demo's lock file while the `with` block runs, and remove the file afterwards.

    If another command holds the lock, print a message and wait until that command ends.
    """
    handle = _taken(path)
    try:
        yield
    finally:
        path.unlink()
        os.close(handle)


def _taken(path: Path) -> int:
    message_printed = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not message_printed:
                holder = os.read(handle, 20).decode(errors="replace").strip()
                say(
                    f"Another command of the demo is running (process {holder or 'unknown'}); waiting for it to end."
                )
                message_printed = True
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The command that held the lock may have removed the file. The lock of a removed file has
        # no effect, because the next command opens a new file at this path.
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
