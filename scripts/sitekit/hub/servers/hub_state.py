"""What all servers share: the site, the queue snapshot, the ledger, and who is waiting for which callback."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...backends.slurm.associations import Names
from ...backends.slurm.job_queries import node_address
from ...backends.slurm.queue import Queue
from ...contracts.internal_tls import name_of
from ...site import Site
from .forecast import Forecast
from .jobs import ServerJobs
from .ledger import Ledger

if TYPE_CHECKING:
    from .certificates import Certificates

SLACK = timedelta(minutes=10)  # by which a token and a certificate outlive the job's time limit
ADDRESS_KEPT = 600.0  # seconds that a node's address is believed


def longest(time_limit: float, start_timeout: float) -> timedelta:
    """How long a server that is submitted now can be there: so long its token and its certificate last."""
    return timedelta(seconds=time_limit + start_timeout) + SLACK


class Life:
    """One per hub. TierSpawner and SlurmServer find it as their class attribute `life`; configure() sets it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.queue = Queue(site)
        self.names = Names(site)
        self.ledger = Ledger(site.paths.state / "ledger.sqlite")
        self.jobs = ServerJobs(site, self.queue, self.ledger)
        self.forecast = Forecast(site, self.queue, self.jobs.waiting_users)
        self.addresses: dict[str, str] = {}  # of the nodes of servers, by tag
        self.strays: list[int] = []  # jobs with this site's tag that stand in no ledger
        self._expected: dict[str, asyncio.Event] = {}
        self._addresses: dict[str, tuple[float, str]] = {}

    @cached_property
    def certificates(self) -> Certificates:
        from .certificates import Certificates  # its library is the hub's; the kit, which reads the ledger, has it not

        return Certificates(self.site)

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

    def certificate(self, tag: str, lasts: timedelta) -> dict[str, str]:
        """Key and certificate for this start of a server, as a variable of its job; none where it gets none."""
        if not self.ledger.speaks_tls(tag):
            return {}
        return {"JUPYTERHUB_SITEKIT_TLS": self.certificates.issue(tag, lasts)}

    def lies_at(self, tag: str, address: str) -> None:
        """A server's node, once it is known: the hub's own client and the proxy ask for it by the tag."""
        if tag and address:
            self.addresses[tag] = address

    def url(self, tag: str, address: str, port: int) -> str:
        """Where hub and proxy reach a server. With a certificate its host is the name in that: both check the name, and
        connect to the node's address."""
        self.lies_at(tag, address)
        if self.ledger.speaks_tls(tag):
            return f"https://{name_of(tag)}:{port}"
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

    def over(self, tag: str) -> bool:
        """Whether the server start with this tag has ended, or never was."""
        row = self.ledger.row(tag)
        return row is None or row.ended is not None

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
            "without_tls": self.ledger.without_tls(),
        }
