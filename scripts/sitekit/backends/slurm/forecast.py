"""Query Slurm, while users wait, for the tier that would start sooner and for the number of jobs
ahead.

One round of queries serves all waiting users. The number of queries per minute has a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable

from ...site import Site
from ...site.tier import Requires, Tier
from ..job import NoAnswer, Refused, Work
from ..resource_choice import Choice
from . import gate
from .list_jobs import Waiting, waiting_jobs
from .parse_jobs import SlurmJob
from .queue import Queue

EVERY = 60.0  # seconds between two rounds of queries
SOONER = 120  # seconds by which another tier must start earlier to be named
LIMITED = re.compile(r"Assoc|QOS|Max|Grp|Limit|Held|hold|Invalid|Account|Dependency|BeginTime")
"""Slurm's reasons for which the job would wait in every tier, such as AssocMaxJobsLimit."""


class Forecast:
    """The last answers of Slurm about expected starts and pending jobs.

    `starts` holds each tier's expected start in seconds since the epoch. `waiting` holds the
    pending jobs of all users.
    """

    def __init__(self, site: Site, queue: Queue, waiting: Callable[[], list[Work]]) -> None:
        self._site, self._queue, self._waiting_starts = site, queue, waiting
        self.starts: dict[str, int | None] = {}
        self.waiting: list[Waiting] = []
        # number of jobs ahead, by job; counted once for each `waiting`, because many users read it
        self._ahead: dict[tuple[str, int, str], int] = {}
        self.asked = 0.0

    @property
    def stale(self) -> bool:
        """Return whether the answers are too old to be shown."""
        return time.time() - self.asked > 2 * EVERY

    def sooner(self, job: SlurmJob, asked: Choice) -> Tier | None:
        """Return the tier that would start soonest, if that is well before `job` would start.

        The tier must be one that every user may choose, and must have at least the resources in
        `asked`. Returns None if the job waits because of a limit of the user.
        """
        if self.stale or LIMITED.search(job.reason):
            return None
        others = [tier for tier in self._site.tiers if _fits(tier, asked)]
        known = [(at, tier) for tier in others if (at := self.starts.get(tier.key)) is not None]
        if not known:
            return None
        start, tier = min(known, key=lambda pair: pair[0])
        return tier if start + SOONER < (job.start or float("inf")) else None

    def ahead(self, job: SlurmJob) -> int | None:
        """Count the jobs of all users that are before `job` in one of its partitions.

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
        """Repeat the queries again and again, while a user's job waits."""
        while True:
            await asyncio.sleep(5)
            if not self._queue.healthy or time.time() - self.asked <= EVERY:
                continue
            if waiting := self._waiting_starts():
                await self.ask(random.choice(waiting))  # noqa: S311  (a random one, because limits of one account do not hold for others)
                self.asked = time.time()

    async def ask(self, work: Work) -> None:
        """Query Slurm once for the expected starts of all tiers and for all pending jobs. The
        expected starts are those of jobs under the account of the given start."""
        partitions = sorted(
            {partition for tier in self._site.tiers for partition in tier.partitions}
        )
        with contextlib.suppress(NoAnswer):
            await self._queue.spend()
            self.waiting, self._ahead = await waiting_jobs(self._site, partitions), {}
        # a new dict: a tier without an answer has no start, not an old one
        starts: dict[str, int | None] = {}
        for tier in self._site.tiers:
            with contextlib.suppress(Refused, NoAnswer):
                await self._queue.spend()
                request = gate.request_of(Choice.of(tier), "0" * 16, {}) | gate.user_of(work)
                starts[tier.key] = await gate.start_of(self._site, work.account, request)
        self.starts = starts


def _fits(tier: Tier, asked: Choice) -> bool:
    """Return whether this tier is another one than the user's, and has at least the resources in
    `asked`."""
    gpu_type = asked.gpu_type
    if (
        tier.key == asked.tier
        or tier.requires != Requires()
        or (gpu_type and gpu_type != tier.gpu_type)
    ):
        return False
    return all(
        getattr(tier, what) >= getattr(asked, what)
        for what in ("memory", "cap", "cpus", "time", "gpus", "nodes", "tasks")
    )
