"""While users wait for a server, query Slurm for each tier's expected start, and for the number of
pending jobs before theirs.

All waiting users share the results of the same queries. The number of queries per minute is
limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable

from ...site import Site
from ..resource_choice import Choice
from ..start_and_job_records import NoAnswer, Refused, Wait, Work
from . import gate_client
from .list_jobs import Waiting, waiting_jobs
from .parse_jobs import SlurmJob
from .pending_reasons import explain
from .read_queue import Queue

EVERY = 60.0  # seconds between two rounds of queries
LIMITED = re.compile(r"Assoc|QOS|Max|Grp|Limit|Held|hold|Invalid|Account|Dependency|BeginTime")
"""Slurm's reasons with which a job would also wait in every other tier, such as
AssocMaxJobsLimit."""


class Forecast:
    """The last answers of Slurm about expected starts and pending jobs.

    `starts` holds each tier's expected start in seconds since the epoch. `waiting` holds the
    pending jobs of all users.
    """

    def __init__(self, site: Site, queue: Queue, waiting: Callable[[], list[Work]]) -> None:
        self._site, self._queue, self._waiting_starts = site, queue, waiting
        self.starts: dict[str, int | None] = {}
        self.waiting: list[Waiting] = []
        # For each job, the number of pending jobs before it. The number is counted once for each
        # new list `waiting`, because many users read the number.
        self._ahead: dict[tuple[str, int, str], int] = {}
        self.asked = 0.0

    @property
    def stale(self) -> bool:
        """Return whether the answers are too old to be shown."""
        return time.time() - self.asked > 2 * EVERY

    def wait(self, job: SlurmJob) -> Wait:
        """Return why a pending job waits, from the last list of jobs and Slurm's last answers. No
        query is sent."""
        return Wait(
            reason=explain(job.reason),
            where=job.partition,
            ahead=self.ahead(job),
            start=job.start,
            limited=LIMITED.search(job.reason) is not None,
        )

    def ahead(self, job: SlurmJob) -> int | None:
        """Count the pending jobs of all users, in the partitions of `job`, that have a higher
        priority than `job`. Jobs with the same priority and a smaller number count too.

        Returns None if the number is not known.
        """
        if self.stale or self._queue.hidden:
            return None
        key = job.id, job.priority, job.partition
        if key not in self._ahead:
            partitions, turn = set(job.partition.split(",")), (-job.priority, int(job.id))
            self._ahead[key] = sum(
                (-other.priority, other.id) < turn and partitions & other.partitions != set()
                for other in self.waiting
            )
        return self._ahead[key]

    async def run(self) -> None:
        """Run until the hub ends, and repeat the queries as long as a user's job waits."""
        while True:
            await asyncio.sleep(5)
            if not self._queue.healthy or time.time() - self.asked <= EVERY:
                continue
            if waiting := self._waiting_starts():
                await self.ask(random.choice(waiting))  # noqa: S311  (a random one, because limits of one account do not hold for others)
                self.asked = time.time()

    async def ask(self, work: Work) -> None:
        """Query Slurm once for the expected starts of all tiers and for all pending jobs. Slurm
        computes the expected starts for jobs of the account in `work`."""
        partitions = sorted(
            {partition for tier in self._site.tiers for partition in tier.partitions}
        )
        with contextlib.suppress(NoAnswer):
            await self._queue.spend()
            self.waiting, self._ahead = await waiting_jobs(self._site, partitions), {}
        # a new dict, because a tier without an answer must not keep an old start
        starts: dict[str, int | None] = {}
        for tier in self._site.tiers:
            with contextlib.suppress(Refused, NoAnswer):
                await self._queue.spend()
                request = gate_client.request_of(
                    Choice.of(tier), "0" * 16, {}
                ) | gate_client.user_of(work)
                starts[tier.key] = await gate_client.start_of(self._site, work.account, request)
        self.starts = starts
