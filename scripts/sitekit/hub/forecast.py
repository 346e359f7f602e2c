"""Which tier would start sooner: asked of Slurm while somebody waits, for all at once, within the queue's allowance."""

from __future__ import annotations

import asyncio
import contextlib
import time

from ..slurm import gate
from ..slurm.jobs import Job
from ..slurm.say import Silent
from ..tier import Tier
from .life import Life
from .options import Choice

EVERY = 60.0  # seconds that an answer is believed
SOONER = 120  # seconds that make a difference worth telling


class Forecast:
    """The last answers: tier -> when a server of it would start, in seconds since the epoch."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.starts: dict[str, int | None] = {}
        self._asked = 0.0

    def sooner(self, job: Job) -> Tier | None:
        """The tier that would start soonest, if that is well before `job` is expected to start."""
        if time.time() - self._asked > 2 * EVERY:
            return None
        expected = job.start or float("inf")
        known = [(start, tier) for tier in self._life.site.tiers if (start := self.starts.get(tier.key)) is not None]
        start, tier = min(known, key=lambda pair: pair[0], default=(float("inf"), None))
        return tier if start + SOONER < expected else None

    async def run(self) -> None:
        """Ask for ever, while somebody waits for room."""
        while True:
            await asyncio.sleep(5)
            waiting = [job for job in self._life.queue.snapshot.jobs.values() if job.pending]
            if waiting and self._life.queue.healthy and time.time() - self._asked > EVERY:
                await self._ask(waiting[0].user)
                self._asked = time.time()

    async def _ask(self, user: str) -> None:
        for tier in self._life.site.tiers:
            with contextlib.suppress(gate.Refused, Silent):
                await self._life.queue.spend()
                self.starts[tier.key] = await gate.start_of(self._life.site, user, Choice.of(tier).request("0" * 16))
