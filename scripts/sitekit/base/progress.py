"""Show progress: a live bar on a terminal, or plain lines in a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any


class Step:
    """Report the progress of one piece of work.

    `advance` adds finished items to the bar. `note` shows the name of the current item.
    """

    def __init__(self, progress: Any, task: object) -> None:
        self._progress, self._task = progress, task
        self.result = ""

    def advance(self, count: int = 1) -> None:
        if self._progress:
            self._progress.advance(self._task, count)

    def note(self, text: str) -> None:
        if self._progress:
            self._progress.update(self._task, note=text)

    def total(self, count: int) -> None:
        if self._progress:
            self._progress.update(self._task, total=count)

    def done(self, text: str) -> None:
        """Set the text that step() prints after the title when the work is done, such as `110
        packages`."""
        self.result = text


@contextmanager
def step(title: str, total: int | None = None) -> Iterator[Step]:
    """Show `title` while the `with` block runs, then print one line with the time that the block
    took.

    On a terminal, the main thread shows a live bar, and other threads print lines above the bar.
    """
    start = time.monotonic()
    if _live() and threading.current_thread() is threading.main_thread():
        with _bar(total) as bar:
            current = Step(bar, bar.add_task(title, total=total, note=""))
            yield current
    else:
        say(f"... {title}")
        current = Step(None, None)
        yield current
    took = time.monotonic() - start
    say(f" ok {title}{': ' + current.result if current.result else ''} ({took:.1f} s)")


def say(text: str = "") -> None:
    """Print a line for the person who runs the command."""
    try:
        if _live():
            _console().print(text, markup=False)
        else:
            print(text, flush=True)
    except BrokenPipeError:  # the program that reads the output ended: `make status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# The library rich is imported only if it is installed and the output is a terminal. Timers and
# users run parts of sitekit from a release, which does not contain rich.


@cache
def _live() -> bool:
    return sys.stdout.isatty() and find_spec("rich") is not None


@cache
def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, emoji=False)


def _bar(total: int | None) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20)]
    columns += [MofNCompleteColumn()] if total is not None else []
    columns += [TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}")]
    return Progress(*columns, console=_console(), transient=True)
