"""Run two pieces of work in parallel: one with a progress bar, one in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..base.errors import Problem
from ..base.progress import say

Work = Callable[[], object]


def together(here: Work, background: Sequence[Work]) -> None:
    """Run `here` in this thread, and `background` in order in another thread; wait for both.

    If `here` fails or is interrupted, the background stops after its current part, because apt must
    not be killed. An error in the background is printed at once, and raised when `here` is done, so
    that the work of `here` is kept.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_in_turn, background, stop)
        try:
            here()
        except BaseException:
            stop.set()
            if not other.done():
                say("    waiting for the current step in the background to end")
            raise
        other.result()


def _in_turn(parts: Sequence[Work], stop: threading.Event) -> None:
    """Run the parts in order, until `stop` is set."""
    for part in parts:
        if stop.is_set():
            return
        try:
            part()
        except Problem as problem:
            say(f" !! {problem}")
            raise
