"""The queue snapshot: one query for everybody, often while somebody waits, seldom otherwise.

Polls, progress pages, the form and the administrator's page read the last snapshot; none of them starts a query.
A scheduler that is silent leaves the old snapshot in place and says since when: its silence ends no server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from ...site import Site
from .command import Silent
from .frame import Unreadable
from .listing import listed, recorded
from .parse import Job, Listing
from .privacy import hidden_jobs, to_see_them

log = logging.getLogger(__name__)

FAST, SLOW = 4.0, 30.0  # seconds between queries: while somebody waits, otherwise
RATE, BURST = 0.5, 3.0  # what all queries together may cost: one per 2 s on average, a few at once
PRIVACY_KEPT = 300.0  # seconds until the hub looks whether it has been given the right to see jobs
BACKOFF_LIMIT, BACKOFF_WAITING = 60.0, 15.0  # seconds between queries in an outage: at most, and while somebody waits


@dataclass(frozen=True)
class Snapshot:
    """The queue at one moment. `taken` is when its query began, by the monotonic clock; `at` by the wall clock."""

    jobs: dict[int, Job]
    taken: float
    at: float = 0.0

    @cached_property
    def by_tag(self) -> dict[str, list[Job]]:
        """The jobs that say that they belong to a server start, whoever's they are."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            if job.tag:
                found.setdefault(job.tag, []).append(job)
        return found


class Queue:
    """The shared snapshot and the loop that renews it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.snapshot = Snapshot({}, float("-inf"))
        self.silent_since: float | None = None  # time.time() of the first failed query in a row
        self.trouble = ""
        self.queries = 0
        self.hidden = ""  # what is to be done, where PrivateData hides jobs from the hub
        self.unreadable = 0  # records of the last answer that could not be read
        self._looked: float | None = None
        self._waiters = 0
        self._allowance, self._counted = BURST, time.monotonic()
        self._waiting_since = float("-inf")
        self._wanted = False
        self._stir = asyncio.Event()
        self._answered = asyncio.Event()
        self._listeners: list[Callable[[Snapshot], None]] = []

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
        """Ask as soon as the allowance permits: somebody else has just found the scheduler silent."""
        self._wanted = True
        self._stir.set()

    async def next(self) -> Snapshot:
        """The next answer, or, when the scheduler is silent, the old snapshot after the failed query."""
        await self._answered.wait()
        return self.snapshot

    async def newer(self) -> Snapshot:
        """A snapshot whose query begins after this call, once the allowance permits; the old one in an outage."""
        called = time.monotonic()
        while True:
            self.look()
            await self.next()
            if self.snapshot.taken >= called or self.silent_since is not None:
                return self.snapshot

    async def run(self) -> None:
        """Renew the snapshot for ever."""
        failures = 0
        while True:
            await self.spend()
            self._wanted = False
            failures = 0 if await self._ask() else failures + 1
            self._answered.set()
            self._answered = asyncio.Event()
            if failures:
                await asyncio.sleep(min(BACKOFF_WAITING if self._waiters else BACKOFF_LIMIT, FAST * 2**failures))
            else:
                await self._until_due(time.monotonic())

    async def _until_due(self, last: float) -> None:
        """Sleep until somebody wants an answer now, or the interval is over. The fast one counts from when the first
        came to wait: a start that takes less than that costs one query, the one that its callback wants."""
        while not self._wanted:
            due = max(last, self._waiting_since) + FAST if self._waiters else last + SLOW
            if (left := due - time.monotonic()) <= 0:
                return
            self._stir.clear()
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._stir.wait(), left)

    async def spend(self) -> None:
        """Wait until the allowance permits one more question to the scheduler. Whoever asks it anything waits here."""
        while True:
            now = time.monotonic()
            self._allowance = min(BURST, self._allowance + (now - self._counted) * RATE)
            self._counted = now
            if self._allowance >= 1:
                self._allowance -= 1
                self.queries += 1
                return
            await asyncio.sleep((1 - self._allowance) / RATE)

    async def _ask(self) -> bool:
        begun = time.monotonic()
        try:
            if self._looked is None or (self.hidden and begun - self._looked > PRIVACY_KEPT):
                await self.look_for_privacy()
            listing = await (recorded if self.hidden else listed)(self._site)
        except Exception as trouble:  # whatever it is: this loop must outlive it, for everybody waits for it
            if not isinstance(trouble, Silent | Unreadable):
                log.exception("Slurm could not be asked")
            if self.silent_since is None:
                self.silent_since = time.time()
                log.warning("The scheduler does not answer; running servers are not affected. %s", trouble)
            self.trouble = str(trouble)
            return False
        if self.silent_since is not None:
            log.warning("The scheduler answers again after %.0f s", time.time() - self.silent_since)
        self.silent_since, self.trouble = None, ""
        self._note(listing)
        self.snapshot = Snapshot(listing.jobs, begun, time.time() - (time.monotonic() - begun))
        for listener in self._listeners:
            listener(self.snapshot)
        return True

    def _note(self, listing: Listing) -> None:
        """Say that records could not be read: once, however long they stay."""
        if listing.unreadable and not self.unreadable:
            what = f"{listing.unreadable} of Slurm's records could not be read, and {len(listing.jobs)} could"
            log.warning("%s; those that could not are left out", what)
        self.unreadable = listing.unreadable

    async def look_for_privacy(self) -> None:
        """See whether squeue tells the hub of its users' jobs at all. Raises Silent."""
        hub = self._site.hub.user
        if hidden := await hidden_jobs(self._site, hub):
            hidden += " from the hub, which has to read them in the accounting, where nothing says why a job waits. "
            hidden += f"Run: {to_see_them(hub)}"
        if hidden and hidden != self.hidden:
            log.error("%s", hidden)
        self.hidden, self._looked = hidden, time.monotonic()
