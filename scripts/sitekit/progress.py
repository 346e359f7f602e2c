"""Tell the person who waits what is going on: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(highlight=False, soft_wrap=True)


class Step:
    """One piece of work that is under way. `advance` counts items; `note` says which one."""

    def __init__(self, progress: Progress | None, task: object) -> None:
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
        """What the closing line says after the title, such as `110 packages`."""
        self.result = text


@contextmanager
def step(title: str, total: int | None = None) -> Iterator[Step]:
    """Show `title` while the block runs, then one closing line with the time it took; on a terminal a live bar.

    A terminal has one live bar, the main thread's; what other threads do is told in lines above it.
    """
    start = time.monotonic()
    if console.is_terminal and threading.current_thread() is threading.main_thread():
        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20)]
        columns += [MofNCompleteColumn()] if total is not None else []
        columns += [TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}")]
        with Progress(*columns, console=console, transient=True) as progress:
            current = Step(progress, progress.add_task(title, total=total, note=""))
            yield current
    else:
        console.print(f"... {title}", markup=False)
        current = Step(None, None)
        yield current
    took = time.monotonic() - start
    console.print(f" ok {title}{': ' + current.result if current.result else ''} ({took:.1f} s)", markup=False)


def say(text: str = "") -> None:
    """A line for the person at the keyboard."""
    console.print(text, markup=False)
