"""When a server that could not be ended is tried again: soon at first, then after longer and longer
pauses. What hinders it is told once."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..servers.ledger import Row

FIRST, LONGEST = 4.0, 300.0  # seconds


class Pauses:
    def __init__(self) -> None:
        # by tag: when, by the monotonic clock, and the pause after it
        self._next: dict[str, tuple[float, float]] = {}
        self._told: dict[str, str] = {}  # by tag

    def due(self, rows: Iterable[Row]) -> list[Row]:
        """Those that may be tried now."""
        now = time.monotonic()
        return [row for row in rows if self._next.get(row.tag, (now, 0.0))[0] <= now]

    def tried(self, row: Row) -> None:
        _, pause = self._next.get(row.tag, (0.0, FIRST))
        self._next[row.tag] = (time.monotonic() + pause, min(LONGEST, 2 * pause))

    def is_news(self, row: Row, trouble: str) -> bool:
        """Whether something else hindered it the last time."""
        before, self._told[row.tag] = self._told.get(row.tag), trouble
        return before != trouble

    def keep(self, rows: Iterable[Row]) -> None:
        """Forget all others."""
        tags = {row.tag for row in rows}
        self._next = {tag: due for tag, due in self._next.items() if tag in tags}
        self._told = {tag: trouble for tag, trouble in self._told.items() if tag in tags}
