"""One sitekit at a time changes a machine. The lock's file is root's alone: who may only open it
could hold it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem

LOCK = Path("/run/sitekit.lock")


@contextmanager
def alone(root: Path = Path("/")) -> Iterator[None]:
    """Hold the machine whose file tree is `root` for the block. Raises Problem, which names the
    process that has it."""
    handle = os.open(root / LOCK.relative_to("/"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = f"another sitekit changes this machine just now (process {os.read(handle, 20).decode().strip()})"
            raise Problem(what, remedy="wait for it, then run this again") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
