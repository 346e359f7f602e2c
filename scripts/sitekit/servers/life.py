"""What all servers share: the site, the queue snapshot, the ledger, and who is waiting for which callback."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..site import Site
from ..slurm.inquiry import gone, node_address, recorded_as_gone
from ..slurm.jobs import Job
from ..slurm.queue import Queue
from ..slurm.say import Silent
from ..slurm.standing import Names
from .forecast import Forecast
from .ledger import Ledger

log = logging.getLogger(__name__)

DOUBT = 45.0  # seconds after which a start that has no number, and no job in the queue, never had one
ADDRESS_KEPT = 600.0  # seconds that a node's address is believed


class Life:
    """One per hub. TierSpawner and SlurmServer find it as their class attribute `life`; configure() sets it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.queue = Queue(site)
        self.names = Names(site)
        self.ledger = Ledger(site.paths.state / "ledger.sqlite")
        self.forecast = Forecast(site, self.queue)
        self.strays: list[int] = []  # jobs with this site's tag that stand in no ledger
        self._expected: dict[str, asyncio.Event] = {}
        self._addresses: dict[str, tuple[float, str]] = {}

    def expect(self, tag: str) -> asyncio.Event:
        """An event that is set when the server with this tag says that it listens."""
        return self._expected.setdefault(tag, asyncio.Event())

    def forget(self, tag: str) -> None:
        self._expected.pop(tag, None)

    def listens(self, tag: str, port: int) -> bool:
        """A server's callback. False when it is not one that is starting."""
        if not self.ledger.listens(tag, port):
            return False
        if tag in self._expected:
            self._expected[tag].set()
        return True

    def job(self, tag: str, number: int | None) -> Job | None:
        """The job of a server start in the last snapshot, by its number or, where that was never learnt, by its tag."""
        snapshot = self.queue.snapshot
        return snapshot.jobs.get(number) if number else snapshot.by_tag(tag)

    def younger_than_snapshot(self, moment: float) -> bool:
        """Whether something that happened at `moment` (epoch seconds) can be missing from the last snapshot."""
        return moment > self.queue.snapshot.at - 2

    async def address(self, node: str) -> str:
        """A node's address, from Slurm, remembered for a while. Raises Silent."""
        known = self._addresses.get(node)
        if known is None or time.monotonic() - known[0] > ADDRESS_KEPT:
            known = (time.monotonic(), await node_address(self.site, node))
            self._addresses[node] = known
        return known[1]

    async def gone(self, number: int) -> bool | None:
        """Whether Slurm says that it knows no such live job. None: it is silent, or cannot tell."""
        try:
            await self.queue.look_for_privacy()  # now: to an account from which jobs are hidden, Slurm denies them
        except Silent:
            return None
        return await (recorded_as_gone if self.queue.hidden else gone)(self.site, number)

    def doubtful(self) -> bool:
        """Whether a server start is in the ledger whose job is still to be found, or to be ended."""
        unsettled = any(row.abandoned or row.job is None for row in self.ledger.open())
        return unsettled or bool(self.ledger.closed_with_live_job(self.queue.snapshot))

    def summary(self) -> dict[str, Any]:
        """The scheduler's health, for pages and status. Times in seconds."""
        queue = self.queue
        return {
            "answers": queue.healthy,
            "silent_for": None if queue.silent_since is None else round(time.time() - queue.silent_since),
            "trouble": queue.trouble,
            "queries": queue.queries,
            "jobs": len(queue.snapshot.jobs),
            "hidden": queue.hidden,
            "strays": self.strays,
        }
