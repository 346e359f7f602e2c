"""Decide when to try again to cancel a job that could not be cancelled.

The pauses grow from FIRST to LONGEST. A repeated error for the same start is logged only once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..ledger.ledger import Row

FIRST, LONGEST = 4.0, 300.0  # seconds


class Pauses:
    """Hold the time of the next attempt to cancel a job, and the last error, for each start of a
    server."""

    def __init__(self) -> None:
        # for each tag: the time of the next attempt (monotonic clock), and the pause after this
        # attempt
        self._next: dict[str, tuple[float, float]] = {}
        self._troubles: dict[str, str] = {}  # the last error for each tag; "" for no error

    def due(self, rows: Iterable[Row]) -> list[Row]:
        """Return the starts for which a new attempt to cancel the job is due now."""
        now = time.monotonic()
        return [row for row in rows if self._next.get(row.tag, (now, 0.0))[0] <= now]

    def tried(self, row: Row) -> None:
        """Record an attempt to cancel a job, and double the pause until the next attempt."""
        _, pause = self._next.get(row.tag, (0.0, FIRST))
        self._next[row.tag] = (time.monotonic() + pause, min(LONGEST, 2 * pause))

    def is_new_trouble(self, row: Row, trouble: str) -> bool:
        """Return whether the error `trouble` differs from the last error of this start, and store
        the error."""
        before, self._troubles[row.tag] = self._troubles.get(row.tag), trouble
        return before != trouble

    def is_known(self, row: Row) -> bool:
        """Return whether the hub has already tried to cancel the job of this start."""
        return row.tag in self._troubles

    def keep(self, rows: Iterable[Row]) -> int:
        """Delete the pauses and errors of all starts that are not in `rows`.

        Returns the number of these starts whose job the hub had tried to cancel.
        """
        tags = {row.tag for row in rows}
        self._next = {tag: due for tag, due in self._next.items() if tag in tags}
        before = len(self._troubles)
        self._troubles = {tag: text for tag, text in self._troubles.items() if tag in tags}
        return before - len(self._troubles)
