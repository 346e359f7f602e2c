"""Lock the machine so that only one command of sitekit at a time changes it.

Only root can open the lock file, because an account that can open the file could keep the lock for
ever.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem

LOCK = Path("/run/sitekit.lock")


@contextmanager
def hold_machine_lock(root: Path = Path("/")) -> Iterator[None]:
    """Hold the machine's lock while the `with` block runs.

    Raises Problem, which names the process that holds the lock.
    """
    handle = os.open(root / LOCK.relative_to("/"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"another sitekit is changing this machine (process {os.read(handle, 20).decode().strip()})"
            raise Problem(
                what, remedy="wait until it has ended, then run the command again"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
