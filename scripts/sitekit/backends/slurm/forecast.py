"""What Slurm is asked while somebody waits, for all at once and within the queue's allowance: which
tier would start sooner, and which other jobs wait in the same partitions."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable

from ...site import Site
from ...site.tier import Requires, Tier
from ..choice import Choice
from ..interface import NoAnswer, Refused
from . import gate
from .listing import Waiting, waiting_jobs
from .parse import SlurmJob
from .queue import Queue

EVERY = 60.0  # seconds that an answer is believed
SOONER = 120  # seconds that make a difference worth telling
LIMITED = re.compile(r"Assoc|QOS|Max|Grp|Limit|Held|hold|Invalid|Account|Dependency|BeginTime")
"""Slurm's reasons with which the user's job would wait in each tier, such as AssocMaxJobsLimit."""


class Forecast:
    """The last answers: `starts` of the tiers, in seconds since the epoch, and who is `waiting`."""

    def __init__(self, site: Site, queue: Queue, waiting_accounts: Callable[[], list[str]]) -> None:
        self._site, self._queue, self._waiting_accounts = site, queue, waiting_accounts
        self.starts: dict[str, int | None] = {}
        self.waiting: list[Waiting] = []
        # what was counted in this `waiting`, for many who read it
        self._ahead: dict[tuple[str, int, str], int] = {}
        self.asked = 0.0

    @property
    def stale(self) -> bool:
        return time.time() - self.asked > 2 * EVERY

    def sooner(self, job: SlurmJob, asked: Choice) -> Tier | None:
        """The tier that would start soonest, if that is well before `job` is expected to start. One
        that is for everybody and has no less than what was `asked` for; none where a limit of the
        user's holds the job."""
        if self.stale or LIMITED.search(job.reason):
            return None
        others = [tier for tier in self._site.tiers if _fits(tier, asked)]
        known = [(at, tier) for tier in others if (at := self.starts.get(tier.key)) is not None]
        if not known:
            return None
        start, tier = min(known, key=lambda pair: pair[0])
        return tier if start + SOONER < (job.start or float("inf")) else None

    def ahead(self, job: SlurmJob) -> int | None:
        """How many jobs, anybody's, wait before `job` in one of its partitions. None: not known."""
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
        """Ask for ever, while somebody waits for room."""
        while True:
            await asyncio.sleep(5)
            if not self._queue.healthy or time.time() - self.asked <= EVERY:
                continue
            if accounts := self._waiting_accounts():
                await self.ask(random.choice(accounts))  # noqa: S311  (by turns: one's own limits are no news to others)
                self.asked = time.time()

    async def ask(self, account: str) -> None:
        """Renew the answers; starts are those of `account`."""
        partitions = sorted(
            {partition for tier in self._site.tiers for partition in tier.partitions}
        )
        with contextlib.suppress(NoAnswer):
            await self._queue.spend()
            self.waiting, self._ahead = await waiting_jobs(self._site, partitions), {}
        # afresh: an answer that does not come is not replaced by an old one
        starts: dict[str, int | None] = {}
        for tier in self._site.tiers:
            with contextlib.suppress(Refused, NoAnswer):
                await self._queue.spend()
                starts[tier.key] = await gate.start_of(
                    self._site, account, gate.request_of(Choice.of(tier), "0" * 16, {})
                )
        self.starts = starts


def _fits(tier: Tier, asked: Choice) -> bool:
    """Whether another tier, as it stands, would do for somebody who `asked` for this."""
    wanted = asked.gpu_type
    if (
        tier.key == asked.tier
        or tier.requires != Requires()
        or (wanted and wanted != tier.gpu_type)
    ):
        return False
    return all(
        getattr(tier, what) >= getattr(asked, what)
        for what in ("memory", "cap", "cpus", "time", "gpus")
    )
