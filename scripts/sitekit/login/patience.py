"""What guessing costs: whoever fails waits, alone, and failures are forgotten with time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, nullcontext
from typing import Generic, TypeVar

from tornado import web

DELAY = 1.0  # seconds that a failure costs, doubled by each that follows on it
LONGEST = 30.0  # seconds; in as many, one failure is forgotten
WAITING = 5  # attempts that may wait for their turn
REMEMBERED = 10_000  # keys with failures

Key = TypeVar("Key", bound=Hashable)


class Patience(Generic[Key]):
    """Failures by key. Up to `free` of them cost nothing; from then on attempts come one by one, and later and later.

    An attempt that is under way counts as a failure until it is none: many at once are no way around.
    """

    def __init__(self, free: int = 0) -> None:
        self.free = free
        self._failures: dict[Key, tuple[float, float]] = {}  # how many, and as of when; the latest last
        self._inside: Counter[Key] = Counter()
        self._turns: dict[Key, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Wait until it is this attempt's turn. Raises HTTPError (429) where too many wait already."""
        lock = self._turns.setdefault(key, asyncio.Lock())
        self._inside[key] += 1
        place = self._inside[key] - max(0, self.free - math.ceil(self._count(key)))
        try:
            if place > WAITING:
                raise web.HTTPError(429, "Too many attempts at once. Wait a minute.")
            async with lock if place > 0 else nullcontext():
                yield
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key], self._turns[key]

    def failed(self, key: Key) -> float:
        """One more. Returns how many seconds its answer has to wait."""
        count = self._count(key) + 1
        self._failures.pop(key, None)
        self._failures[key] = count, time.monotonic()
        if len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]
        beyond = math.ceil(count - self.free)
        return min(LONGEST, DELAY * 2 ** (beyond - 1)) if beyond > 0 else 0.0

    def forget(self, key: Key) -> None:
        """After a success."""
        self._failures.pop(key, None)

    def _count(self, key: Key) -> float:
        count, when = self._failures.get(key, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - when) / LONGEST)
