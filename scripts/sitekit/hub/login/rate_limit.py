"""What guessing costs: after a failure the next attempt in that name waits; an address may have so
many failures."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from tornado import web

DELAY = 1.0  # seconds that a failure in a name costs, doubled by each that follows on it
# seconds; in as many, one failure is forgotten, and nobody waits longer for an address's turn
LONGEST = 30.0
AT_ONCE = 5  # attempts in one name that may be under way
REMEMBERED = 10_000  # names with failures
# failures that an address may have at once; from half of them on they are answered later and later
CLASSROOM = 100
PACE = 0.5  # seconds in which one of these is forgotten

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Patience(Generic[Key]):
    """Failures by name. Attempts in one come one by one, and later and later."""

    def __init__(self) -> None:
        # how many, and as of when; the latest last
        self._failures: dict[Key, tuple[float, float]] = {}
        self._inside: Counter[Key] = Counter()
        self._turns: dict[Key, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Wait until it is this attempt's turn. Raises HTTPError (429) where too many wait already."""
        lock = self._turns.setdefault(key, asyncio.Lock())
        self._inside[key] += 1
        try:
            if self._inside[key] > AT_ONCE:
                raise web.HTTPError(
                    429, "Too many attempts in this name at once. Try again in a few minutes."
                )
            async with lock:
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
        return min(LONGEST, DELAY * 2 ** (math.ceil(count) - 1))

    def forget(self, key: Key) -> None:
        """After a success."""
        self._failures.pop(key, None)

    def _count(self, key: Key) -> float:
        count, when = self._failures.get(key, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - when) / LONGEST)


class Turns(asyncio.Semaphore):
    """The turns of an address. A success gives its turn back at once; failures give theirs back
    later, one by one.

    Who loops over names is slowed down before no turn is left: right passwords, which cost none,
    find one.
    """

    def __init__(self) -> None:
        super().__init__(CLASSROOM)
        self._forgotten = 0.0  # when the last of the failures is

    async def ask(self, question: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Ask when there is a turn; None is a failure. Raises HTTPError (429) if there is none for
        too long."""
        try:
            await asyncio.wait_for(self.acquire(), LONGEST)
        except asyncio.TimeoutError:  # a TimeoutError from Python 3.11 on
            raise web.HTTPError(
                429, "Too many wrong passwords from your network. Try again in a minute."
            ) from None
        answer = None
        try:
            answer = await question()
            return answer
        finally:
            if answer is None:
                loop = asyncio.get_running_loop()
                self._forgotten = max(self._forgotten, loop.time()) + PACE
                loop.call_at(self._forgotten, self.release)
            else:
                self.release()

    def delay(self) -> float:
        """How many seconds the answer to a failure has to wait."""
        return max(0.0, self._forgotten - asyncio.get_running_loop().time() - PACE * CLASSROOM / 2)
