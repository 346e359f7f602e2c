"""Copy this host between two tests of the demo, which change accounts and files for a moment.

Tests in other processes boot machines from copies of /etc, /home and others. A copy from the middle
of a test could lack an account, a release or the right to log in.
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
PATIENCE = 300
"""Seconds that a copy waits for the end of a test. Long tests may take an hour."""


@contextmanager
def changing() -> Iterator[None]:
    """While the block runs, the host may change, and no copy begins."""
    with ExitStack() as stack:
        with _lock("turn"):  # a copy that waits comes first
            stack.enter_context(_lock("changing", fcntl.LOCK_SH))
        yield


@contextmanager
def copying() -> Iterator[None]:
    """While the block runs, no test of the demo runs, unless one takes longer than PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        stack.enter_context(_lock("turn"))
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                stack.enter_context(_lock("changing", fcntl.LOCK_EX | fcntl.LOCK_NB))
                break
            time.sleep(0.1)
        yield


@contextmanager
def _lock(name: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock of the processes of one run."""
    with (Path(os.environ[RUN]) / name).open("w") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also if a child has inherited the file
