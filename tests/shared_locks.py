"""Locks between the processes of one run, for what several processes use and one changes for a moment.

- HOST: tests of the demo change accounts and files of this host. Tests in other processes boot
  machines from copies of /etc, /home and others. A copy from the middle of a test could lack an
  account, a release or the right to log in.
- RELEASE: tests in other processes run programs of the demo's release. A test of the demo moves
  this release away.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

RUN = "SITEKIT_TEST_RUN"
"""The environment variable with the path of a folder that all processes of one run share."""
HOST, RELEASE = "host", "release"
PATIENCE = 300
"""Seconds that alone() waits. Long tests may take an hour."""


@contextmanager
def together(name: str) -> Iterator[None]:
    """While the block runs, no block of alone() with this name begins."""
    with ExitStack() as stack:
        with _lock(f"{name}.turn"):  # a process that waits in alone() comes first
            stack.enter_context(_lock(name, fcntl.LOCK_SH))
        yield


@contextmanager
def alone(name: str) -> Iterator[None]:
    """While the block runs, no block of together() with this name runs, unless one takes longer than
    PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        stack.enter_context(_lock(f"{name}.turn"))
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                stack.enter_context(_lock(name, fcntl.LOCK_EX | fcntl.LOCK_NB))
                break
            time.sleep(0.1)
        yield


@contextmanager
def _lock(name: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock of the processes of one run."""
    with (Path(os.environ[RUN]) / f"{name}.lock").open("w") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also if a child has inherited the file
