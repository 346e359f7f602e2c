"""Define one step of a start: when it was, who logged it, and what it was."""

from __future__ import annotations

from dataclasses import dataclass, field


class NotReadable(Exception):
    """A source exists or may exist, and the caller cannot read it. The text says why."""


@dataclass(frozen=True, order=True)
class Step:
    """Hold one step. `at` is in seconds since the epoch.

    `source` is front, hub, ledger, gate, slurm or node. `stage` is the key in STAGES of
    order_steps.py that this step shows to be reached; "" if it shows none.
    """

    at: float
    source: str = field(compare=False)
    what: str = field(compare=False)
    stage: str = field(compare=False, default="")


def plain(text: str, most: int = 300) -> str:
    """Return text of a log in one line, without characters that control a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:most]
