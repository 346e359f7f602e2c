"""What all servers share: the site, the queue snapshot, the ledger, and who is waiting for which callback."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..site import Site
from ..slurm.inquiry import node_address
from ..slurm.queue import Queue
from ..slurm.standing import Names
from .forecast import Forecast
from .jobs import ServerJobs
from .ledger import Ledger

ADDRESS_KEPT = 600.0  # seconds that a node's address is believed


class Life:
    """One per hub. TierSpawner and SlurmServer find it as their class attribute `life`; configure() sets it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.queue = Queue(site)
        self.names = Names(site)
        self.ledger = Ledger(site.paths.state / "ledger.sqlite")
        self.jobs = ServerJobs(site, self.queue, self.ledger)
        self.forecast = Forecast(site, self.queue, self.jobs.waiting_users)
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

    async def address(self, node: str) -> str:
        """A node's address, from Slurm, remembered for a while. Raises Silent."""
        known = self._addresses.get(node)
        if known is None or time.monotonic() - known[0] > ADDRESS_KEPT:
            known = (time.monotonic(), await node_address(self.site, node))
            self._addresses[node] = known
        return known[1]

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
            "unseen": sorted(self.jobs.unseen.values()),
        }
