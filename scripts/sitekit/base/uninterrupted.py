"""Delay Ctrl-C and similar signals until a piece of work is complete."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT, SIGTERM and SIGHUP until the end of the `with` block.

    The signals are also blocked in programs that the block starts, because a terminal sends Ctrl-C
    to all programs that run in the terminal. These programs inherit the signal mask of this thread.
    Use the block in the main thread.
    """
    arrived: list[int] = []
    # Setting the signal mask of this thread is not enough, because another thread, such as the
    # thread of a progress bar, can get the signal.
    handlers = {
        number: signal.signal(number, lambda got, _: arrived.append(got)) for number in SIGNALS
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])
