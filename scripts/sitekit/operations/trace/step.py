"""Define one step of a server's start: its time, the program that logged it, and a description."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotReadable(Exception):
    """Report that a source of steps, such as a log, cannot be read. The exception's text is the
    reason."""


@dataclass(frozen=True, order=True)
class Step:
    """A step of a start. `at` is in seconds since the epoch.

    `source` is front, hub, ledger, gate, slurm or node. `stage` is a key of STAGES in
    find_missing_step.py: the stage that the start has reached with this step; "" if the step belongs to
    no stage.
    """

    at: float
    source: str = field(compare=False)
    what: str = field(compare=False)
    stage: str = field(compare=False, default="")


def plain(text: str, most: int = 300) -> str:
    """Return a text from a log on one line, at most `most` characters long, and without characters
    that control a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:most]
