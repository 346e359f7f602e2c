"""The snapshot: one query for all servers' jobs, often while somebody waits, seldom otherwise.

Polls, progress pages, the form and the administrator's page read the last snapshot; none of them
starts a query. A backend that does not answer leaves the old snapshot in place and says since when:
its silence ends no server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from .interface import Job, NoAnswer

log = logging.getLogger(__name__)

FAST, SLOW = 4.0, 30.0  # seconds between queries: while somebody waits, otherwise
RATE, BURST = 0.5, 3.0  # what all queries together may cost: one per 2 s on average, a few at once
# seconds between queries in an outage: at most, and while somebody waits
BACKOFF_LIMIT, BACKOFF_WAITING = 60.0, 15.0


@dataclass(frozen=True)
class Snapshot:
    """The jobs at one moment, by id. The query began at `taken` by the monotonic clock, and `at` by
    the wall clock."""

    jobs: Mapping[str, Job]
    taken: float
    at: float = 0.0

    @cached_property
    def by_tag(self) -> dict[str, list[Job]]:
        """The jobs that say that they belong to a server, whoever's they are."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            if job.tag:
                found.setdefault(job.tag, []).append(job)
        return found


class SnapshotLoop:
    """The last snapshot, and the loop that renews it. A backend derives from it and says in `read`
    how."""

    title = "The scheduler"
    """What the log calls the backend."""

    def __init__(self) -> None:
        self.snapshot = Snapshot({}, float("-inf"))
        self.silent_since: float | None = None  # time.time() of the first failed query in a row
        self.trouble = ""
        self.queries = 0
        self._waiters = 0
        self._allowance, self._counted = BURST, time.monotonic()
        self._waiting_since = float("-inf")
        self._wanted = False
        self._stir = asyncio.Event()
        self._answered = asyncio.Event()
        self._listeners: list[Callable[[Snapshot], None]] = []

    async def read(self) -> Mapping[str, Job]:
        """Ask the backend for the jobs of this site. Raises NoAnswer."""
        raise NotImplementedError

    @property
    def healthy(self) -> bool:
        """Whether the last query was answered."""
        return self.silent_since is None and self.snapshot.taken > 0

    def listen(self, listener: Callable[[Snapshot], None]) -> None:
        """Call `listener` with every new snapshot."""
        self._listeners.append(listener)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the block runs, somebody waits: snapshots come every FAST seconds."""
        self._waiters += 1
        if self._waiters == 1:
            self._waiting_since = time.monotonic()
            self._stir.set()
        try:
            yield
        finally:
            self._waiters -= 1

    def look(self) -> None:
        """Ask as soon as the allowance permits: somebody else has just found that the backend does
        not answer."""
        self._wanted = True
        self._stir.set()

    async def next(self) -> Snapshot:
        """The next answer, or, when the backend does not answer, the old snapshot after the failed
        query."""
        await self._answered.wait()
        return self.snapshot

    async def newer(self) -> Snapshot:
        """A snapshot whose query begins after this call, once the allowance permits; the old one in
        an outage."""
        called = time.monotonic()
        while True:
            self.look()
            await self.next()
            if self.snapshot.taken >= called or self.silent_since is not None:
                return self.snapshot

    async def run(self) -> None:
        """Renew the snapshot, until cancelled."""
        failures = 0
        while True:
            await self.spend()
            self._wanted = False
            failures = 0 if await self._renew() else failures + 1
            self._answered.set()
            self._answered = asyncio.Event()
            if failures:
                await asyncio.sleep(
                    min(BACKOFF_WAITING if self._waiters else BACKOFF_LIMIT, FAST * 2**failures)
                )
            else:
                await self._until_due(time.monotonic())

    async def _until_due(self, last: float) -> None:
        """Sleep until somebody wants an answer now, or the interval is over. The fast one counts
        from when the first came to wait: a start that takes less than that costs one query, the one
        that its callback wants."""
        while not self._wanted:
            due = max(last, self._waiting_since) + FAST if self._waiters else last + SLOW
            if (left := due - time.monotonic()) <= 0:
                return
            self._stir.clear()
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._stir.wait(), left)

    async def spend(self) -> None:
        """Wait until the allowance permits one more query. Whoever asks the backend anything waits
        here."""
        while True:
            now = time.monotonic()
            self._allowance = min(BURST, self._allowance + (now - self._counted) * RATE)
            self._counted = now
            if self._allowance >= 1:
                self._allowance -= 1
                self.queries += 1
                return
            await asyncio.sleep((1 - self._allowance) / RATE)

    async def _renew(self) -> bool:
        begun = time.monotonic()
        try:
            jobs = await self.read()
        except Exception as trouble:
            # whatever it is: this loop must outlive it, for everybody waits for it
            if not isinstance(trouble, NoAnswer):
                log.exception("%s could not be asked", self.title)
            if self.silent_since is None:
                self.silent_since = time.time()
                log.warning(
                    "%s does not answer; running servers are not affected. %s", self.title, trouble
                )
            self.trouble = str(trouble)
            return False
        if self.silent_since is not None:
            log.warning(
                "%s answers again after %.0f s", self.title, time.time() - self.silent_since
            )
        self.silent_since, self.trouble = None, ""
        self.snapshot = Snapshot(jobs, begun, time.time() - (time.monotonic() - begun))
        for listener in self._listeners:
            listener(self.snapshot)
        return True
