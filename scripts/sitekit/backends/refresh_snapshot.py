"""Query the backend for the jobs of all servers together, and keep the answer (the snapshot). This
query runs more often while a user waits for a server.

JupyterHub's regular checks of servers (polls), the progress pages, the form and the administrator's
page read this last answer. Polls and pages never start a query themselves. If the backend does not
answer, the old answer is kept, with the time of the first failure. No server is ended because its
backend does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from .start_and_job_records import Job, NoAnswer, Work

log = logging.getLogger(__name__)

FAST, SLOW = 4.0, 30.0  # seconds between two queries: FAST while a user waits, otherwise SLOW
RATE, BURST = 0.5, 3.0  # the limit on queries: one in 2 s on average, at most three at once
# the longest time in seconds between queries during an outage: in general, and while a user waits
BACKOFF_LIMIT, BACKOFF_WAITING = 60.0, 15.0


@dataclass(frozen=True)
class Snapshot:
    """The answer to one query of the backend: the jobs of all servers at one moment, as job id ->
    job.

    The query began at `taken` by the monotonic clock, and at `at` by the wall clock.
    """

    jobs: Mapping[str, Job]
    taken: float
    at: float = 0.0

    @cached_property
    def by_tag(self) -> dict[str, list[Job]]:
        """Return all jobs whose comment contains a server's tag (the id of its start), including
        jobs of other users: tag -> jobs."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            if job.tag:
                found.setdefault(job.tag, []).append(job)
        return found

    @cached_property
    def has_suspended_jobs(self) -> bool:
        """Return whether a job is suspended. The result is stored, because the hub needs it every
        few seconds."""
        return any(job.suspended for job in self.jobs.values())

    @cached_property
    def ended(self) -> frozenset[str]:
        """Return the ids and the tags of all jobs that have ended."""
        jobs = [job for job in self.jobs.values() if job.ended]
        return frozenset({job.id for job in jobs} | {job.tag for job in jobs if job.tag})

    def job_of(self, work: Work) -> Job | None:
        """Return the job of one start of a server, from the list of all jobs.

        The job is found by its id. If the hub never received the id, the youngest job with the
        server's tag (the id of its start) is returned.
        """
        found = self.by_tag.get(work.tag, [])
        if work.job:
            by_id = self.jobs.get(work.job)
            found = [by_id] if by_id else []
        own = [job for job in found if work.owns(job.uid, job.user)]
        return max(own, key=lambda job: (len(job.id), job.id), default=None)


class SnapshotLoop:
    """Keep the last snapshot (the answer of the last query), and renew it. Each backend has its own
    class, which adds the method `read` to this class.
    """

    title = "The scheduler"
    """The name of the backend in the log."""

    def __init__(self) -> None:
        self.snapshot = Snapshot({}, float("-inf"))
        # time.time() of the first query that failed since the last answer
        self.silent_since: float | None = None
        self.trouble = ""
        self.queries = 0
        # the time from the last answered query to its answer
        self.answer_seconds: float | None = None
        self._waiters = 0
        self._allowance, self._counted = BURST, time.monotonic()
        self._waiting_since = float("-inf")
        self._wanted = False
        self._stir = asyncio.Event()
        self._answered = asyncio.Event()

    async def read(self) -> Mapping[str, Job]:
        """Query the backend for the jobs of this site. Raises NoAnswer."""
        raise NotImplementedError

    @property
    def healthy(self) -> bool:
        """Return whether the last query was answered."""
        return self.silent_since is None and self.snapshot.taken > 0

    @property
    def age(self) -> float | None:
        """Return the age of the last list of jobs in seconds; None if no query has been answered
        yet."""
        taken = self.snapshot.taken
        return round(time.monotonic() - taken, 1) if taken > 0 else None

    def status(self) -> dict[str, object]:
        """Return whether the backend answers, for the status page. Times are in seconds."""
        silent = None if self.silent_since is None else round(time.time() - self.silent_since)
        return {
            "answers": self.healthy,
            "silent_for": silent,
            "trouble": self.trouble,
            "queries": self.queries,
            "answer_seconds": self.answer_seconds,
            "age": self.age,
            "jobs": len(self.snapshot.jobs),
        }

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the `with` block runs, query the backend every FAST seconds, because a user
        waits."""
        self._waiters += 1
        if self._waiters == 1:
            self._waiting_since = time.monotonic()
            self._stir.set()
        try:
            yield
        finally:
            self._waiters -= 1

    def look(self) -> None:
        """Query the backend as soon as the limit on the number of queries permits.

        Call this method when the backend, or a server, does not answer.
        """
        self._wanted = True
        self._stir.set()

    async def next(self) -> Snapshot:
        """Wait until the next query has ended, and return its answer (a new list of jobs).

        If the next query fails, the old list of jobs is returned.
        """
        await self._answered.wait()
        return self.snapshot

    async def newer(self) -> Snapshot:
        """Return a list of jobs from a query that begins after this call; if the backend does not
        answer, return the old list.

        The query begins as soon as the limit on the number of queries permits.
        """
        called = time.monotonic()
        while True:
            self.look()
            await self.next()
            if self.snapshot.taken >= called or self.silent_since is not None:
                return self.snapshot

    async def run(self) -> None:
        """Query the backend repeatedly, until this task is cancelled."""
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
        """Sleep until the interval between two queries is over, or until a caller needs a new list
        of jobs earlier.

        The short interval counts from the time when the first user began to wait. Therefore a start
        that takes less time than this interval needs only one query, after the server has reported
        its port.
        """
        while not self._wanted:
            due = max(last, self._waiting_since) + FAST if self._waiters else last + SLOW
            if (left := due - time.monotonic()) <= 0:
                return
            self._stir.clear()
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._stir.wait(), left)

    async def spend(self) -> None:
        """Wait until the limit on the number of queries permits one more query, and count this
        query.

        Every function that queries the backend calls this method first.
        """
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
        """Run one query. Returns True if the backend answered the query."""
        begun = time.monotonic()
        try:
            jobs = await self.read()
        except Exception as trouble:
            # Catch every error, because all servers depend on this loop, which must not end.
            if not isinstance(trouble, NoAnswer):
                log.exception("%s could not be queried", self.title)
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
        self.answer_seconds = round(time.monotonic() - begun, 3)
        self.snapshot = Snapshot(jobs, begun, time.time() - (time.monotonic() - begun))
        return True
