"""Delay login attempts after failures, by user name and by IP address.

After a failed login, the next attempt with the same name has to wait. The number of failed logins
from one IP address is limited.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from tornado import web

from ...base.language import gettext as _

# Seconds of delay after a failure. Each further failure with the same name doubles the delay.
DELAY = 1.0
# Seconds. This value has three uses: the longest delay, the time after which one failure is
# forgotten, and the longest time that an attempt waits for other attempts from the same address.
LONGEST = 30.0
AT_ONCE = 5  # the highest number of login attempts with one name at a time
REMEMBERED = 10_000  # the highest number of names whose failures are stored
# The highest number of failures of one IP address at a time. From half of this number on, each
# further failure makes the delay of the answers longer.
CLASSROOM = 100
PACE = 0.5  # seconds after which one failure of an address is forgotten

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Patience(Generic[Key]):
    """Count failures by key (user name and IP address), and handle attempts one after the other.

    After each further failed login with the same key, the answer is delayed for a longer time.
    """

    def __init__(self) -> None:
        # for each key: the number of failures, and the time of the last failure; the newest key is
        # at the end
        self._failures: dict[Key, tuple[float, float]] = {}
        self._inside: Counter[Key] = Counter()
        self._turns: dict[Key, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Wait until no other login attempt with this key (name and address) is running.

        Raises HTTPError (429) if AT_ONCE attempts with this key are already running or waiting.
        """
        lock = self._turns.setdefault(key, asyncio.Lock())
        self._inside[key] += 1
        try:
            if self._inside[key] > AT_ONCE:
                raise web.HTTPError(
                    429,
                    _("Too many attempts with this name at once. Try again in a few minutes."),
                )
            async with lock:
                yield
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key], self._turns[key]

    def failed(self, key: Key) -> float:
        """Count a failed login with this key (name and address), and return by how many seconds the
        answer must be delayed."""
        count = self._count(key) + 1
        self._failures.pop(key, None)
        self._failures[key] = count, time.monotonic()
        if len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]
        return min(LONGEST, DELAY * 2 ** (math.ceil(count) - 1))

    def forget(self, key: Key) -> None:
        """Forget the failed logins with a key, after a login has succeeded."""
        self._failures.pop(key, None)

    def _count(self, key: Key) -> float:
        """Return the number of failed logins that still count for the delay. The weight of a failed
        login decreases with time, and becomes zero."""
        count, when = self._failures.get(key, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - when) / LONGEST)


class Turns(asyncio.Semaphore):
    """Limit the attempts from one IP address. Each IP address has a number of turns (CLASSROOM),
    and each login attempt from an IP address uses one of its turns. A successful login frees its
    turn at once. After failed logins, one turn becomes free every PACE seconds. Because the answers
    to an attacker who tries many names are delayed before all turns are taken, a user with the
    right password still gets a turn.
    """

    def __init__(self) -> None:
        super().__init__(CLASSROOM)
        self._forgotten = 0.0  # the time when the last failure will be forgotten

    async def ask(self, question: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Wait for a free turn, call `question` (the check of the password), and return the result
        of `question`. If `question` returns None, the login has failed.

        Raises HTTPError (429) if no turn is free for too long.
        """
        try:
            await asyncio.wait_for(self.acquire(), LONGEST)
        except asyncio.TimeoutError:  # from Python 3.11 on, this is the built-in TimeoutError
            raise web.HTTPError(
                429, _("Too many wrong passwords from your network. Try again in a minute.")
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
        """Return by how many seconds the answer to a failed login must be delayed."""
        return max(0.0, self._forgotten - asyncio.get_running_loop().time() - PACE * CLASSROOM / 2)
