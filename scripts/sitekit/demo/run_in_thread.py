"""Run one function in the main thread, and other functions in a background thread.

The function in the main thread shows a progress bar. The functions in the background thread print
only whole lines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..base.errors import Problem
from ..base.progress import say

Work = Callable[[], object]


def run_together(here: Work, background: Sequence[Work]) -> None:
    """Run the function `here` in this thread, and the functions `background` in another thread.
    Return when all functions have ended.

    The functions in `background` run one after another. If `here` fails or the user presses Ctrl-C,
    the current background function is still completed, because apt must not be interrupted. The
    next background functions are not started. If a background function fails, the error is printed
    immediately, but raised only after `here` has ended. Therefore the failure does not interrupt
    `here`.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_in_turn, background, stop)
        try:
            here()
        except BaseException:
            stop.set()
            if not other.done():
                say("    waiting for the work in the background to end")
            raise
        other.result()


def _in_turn(parts: Sequence[Work], stop: threading.Event) -> None:
    for part in parts:
        if stop.is_set():
            return
        try:
            part()
        except Problem as problem:
            say(f" !! {problem}")
            raise
