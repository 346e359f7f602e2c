"""What all servers share: the site, its backends, the ledger, and which callbacks are awaited."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...backends.interface import Backend, Job, Offers
from ...backends.named import backends_of
from ...contracts.internal_tls import name_of
from ...site import Site
from .ledger import Ledger, Row

if TYPE_CHECKING:
    from .certificates import Certificates

SLACK = timedelta(minutes=10)  # by which a token and a certificate outlive the job's time limit


def longest(time_limit: float, start_timeout: float) -> timedelta:
    """How long a server that is submitted now can be there: so long its token and its certificate
    last."""
    return timedelta(seconds=time_limit + start_timeout) + SLACK


class Life:
    """One per hub. TierSpawner and SlurmServer find it as their class attribute `life`; configure()
    sets it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.ledger)
        self.backends: dict[str, Backend] = backends_of(site, self.ledger.open)
        self.addresses: dict[str, str] = {}  # of the hosts of servers, by tag
        self._expected: dict[str, asyncio.Event] = {}

    def backend_of(self, row: Row) -> Backend:
        """The backend on which a server was started."""
        return self.backends[row.backend]

    def account_of(self, user: str) -> str:
        """The cluster's account as which a user of the hub works. With PAM it has the user's name."""
        return user

    async def offers(self, user: str) -> Offers:
        """What a user may ask for, by the word of all backends."""
        found = [await backend.offers(self.account_of(user)) for backend in self.backends.values()]
        known = [
            offers
            for offers in found
            if offers.accounts is not None or offers.reservations is not None
        ]
        return known[0] if known else Offers()

    def job_of(self, row: Row) -> Job | None:
        """A server's job in the last snapshot."""
        return self.backend_of(row).find(row)

    @property
    def outage(self) -> bool:
        """Whether a backend does not answer."""
        return any(backend.queue.silent_since is not None for backend in self.backends.values())

    @cached_property
    def certificates(self) -> Certificates:
        # its library is the hub's; the kit, which reads the ledger, has it not
        from .certificates import Certificates

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
        """Key and certificate for this start of a server, as a variable of its job; none where it
        gets none."""
        if not self.ledger.speaks_tls(tag):
            return {}
        return {"JUPYTERHUB_SITEKIT_TLS": self.certificates.issue(tag, lasts)}

    def lies_at(self, tag: str, address: str) -> None:
        """A server's node, once it is known: the hub's own client and the proxy ask for it by the
        tag."""
        if tag and address:
            self.addresses[tag] = address

    def url(self, tag: str, address: str, port: int) -> str:
        """Where hub and proxy reach a server. With a certificate its host is the name in that: both
        check the name, and connect to the node's address."""
        self.lies_at(tag, address)
        if self.ledger.speaks_tls(tag):
            return f"https://{name_of(tag)}:{port}"
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

    def over(self, tag: str) -> bool:
        """Whether the server start with this tag has ended, or never was."""
        row = self.ledger.row(tag)
        return row is None or row.ended is not None

    def doubtful(self, backend: str) -> bool:
        """Whether the ledger has a start whose job is still to be found, or to be ended."""
        unsettled = any(row.abandoned or row.job is None for row in self.ledger.open(backend))
        return unsettled or bool(
            self.ledger.closed_with_live_job(self.backends[backend].queue.snapshot)
        )

    def summary(self) -> dict[str, Any]:
        """The backend's health, for the status page; of several backends, each below its name.
        Times in seconds."""
        statuses = {name: backend.status() for name, backend in self.backends.items()}
        flat = next(iter(statuses.values())) if len(statuses) == 1 else statuses
        return {**flat, "without_tls": self.ledger.without_tls()}
