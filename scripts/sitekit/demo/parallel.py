"""Two pieces of work at the same time: one here with its progress bar, one in the background that
tells lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..base.errors import Problem
from ..base.progress import say

Work = Callable[[], object]


def together(here: Work, background: Sequence[Work]) -> None:
    """Run `here` in this thread and the parts of `background` one after another in another; return
    when both are done.

    A fault or Ctrl-C here stops the background after the part that it is at, for apt must not be
    cut off. A fault in the background is told at once, and raised when `here` is done: that work is
    then kept.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_in_turn, background, stop)
        try:
            here()
        except BaseException:
            stop.set()
            if not other.done():
                say("    waiting for what goes on in the background to come to a good end")
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
