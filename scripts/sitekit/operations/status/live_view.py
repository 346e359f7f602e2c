"""Show a view in a terminal and update it regularly, or print the view as plain text."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

View = Callable[[], tuple[list[str], float]]
"""A function that returns the lines to show, and the pause until the next view in seconds."""


def show_live(view: View, *, terminal: bool) -> int:
    """Show the view until `q` or Ctrl-C. If the output is not a terminal, print the view until the
    program that reads the output ends."""
    with contextlib.suppress(KeyboardInterrupt):
        if terminal:
            _show_in_terminal(view)
        else:
            _print(view)
    return 0


def _print(view: View) -> None:
    """Print the view again and again, with an empty line between two views."""
    try:
        while True:
            lines, pause = view()
            print("\n".join([*lines, ""]), flush=True)
            time.sleep(pause)
    except BrokenPipeError:  # the reader has ended, as in `make top | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_in_terminal(view: View) -> None:
    """Show the view on the terminal's alternate screen. When the view ends, the terminal shows the
    earlier text again."""
    from rich.live import Live
    from rich.text import Text

    with _single_keys(), Live(screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            lines, pause = view()
            help_line = "q ends"
            text = Text("\n".join([*lines, "", help_line]), no_wrap=True, overflow="ellipsis")
            live.update(text, refresh=True)
            if _key_within(pause) in (b"q", b"Q", b""):
                return


@contextmanager
def _single_keys() -> Iterator[None]:
    """Make the terminal send each key at once, until the `with` block ends."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _key_within(seconds: float) -> bytes | None:
    """Return the key that is pressed within this number of seconds. Return None if no key is
    pressed, and b"" at the end of the input."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1) if ready else None
