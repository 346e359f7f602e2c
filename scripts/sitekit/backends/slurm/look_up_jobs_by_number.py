"""Look up, by their numbers, jobs that the last list of jobs does not contain. One query serves
many callers.

The last list of jobs does not contain a job that ended long ago, a job whose name was changed, or a
job that Slurm does not show to the hub.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from ...site import Site
from ..start_and_job_records import NoAnswer
from .list_jobs import listed_by_number, recorded_by_number
from .parse_jobs import SlurmJob
from .read_queue import Queue

AT_ONCE = 2000  # the most job numbers in one query, because Linux limits an argument to 128 KiB


@dataclass(frozen=True)
class Found:
    """The answers of slurmctld (`listed`) and of the accounting (`recorded`).

    `listed` is None if PrivateData hides jobs from the hub. If `listed` is None, slurmctld was not
    queried. In this case, a job that `recorded` does not contain may still exist.
    """

    listed: dict[str, SlurmJob] | None = None
    recorded: dict[str, SlurmJob] = field(default_factory=dict)


class Lookup:
    """Collect job numbers of many callers until the limit on the number of queries permits a query.
    One query then looks up all collected jobs.
    """

    def __init__(self, site: Site, queue: Queue) -> None:
        self._site, self._queue = site, queue
        self._numbers: set[str] = set()
        self._round: asyncio.Future[Found] | None = None

    async def ask(self, number: str) -> Found:
        """Return the answers about this job and the other collected jobs. Raises NoAnswer."""
        self._numbers.add(number)
        if self._round is None:
            self._round = asyncio.ensure_future(self._ask())
        # All callers share this query. If one caller is cancelled, the query must continue.
        return await asyncio.shield(self._round)

    async def _ask(self) -> Found:
        await self._queue.spend()
        numbers, self._numbers, self._round = sorted(self._numbers), set(), None
        # Find out before the query whether Slurm hides jobs from the hub. About a hidden job, Slurm
        # would answer that the job does not exist.
        await self._queue.look_for_privacy()
        found = Found(None if self._queue.hidden else {})
        for at in range(0, len(numbers), AT_ONCE):
            await self._add(found, set(numbers[at : at + AT_ONCE]))
        return found

    async def _add(self, found: Found, numbers: set[str]) -> None:
        """Add slurmctld's records of the jobs and, for jobs that slurmctld does not list, the
        records of the accounting. If Slurm has no accounting, or if the accounting does not answer,
        add only slurmctld's records.
        """
        if found.listed is not None:
            found.listed.update(await listed_by_number(self._site, numbers))
        if missing := numbers - set(found.listed or ()):
            with contextlib.suppress(NoAnswer):
                found.recorded.update(await recorded_by_number(self._site, missing))
