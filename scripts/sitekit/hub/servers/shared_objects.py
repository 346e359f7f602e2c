"""Define the objects that all servers of a hub share: the site, the backends, the ledger, and the
list of servers that have not yet reported their port.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...backends.interface import Backend
from ...backends.load_backends import backends_of
from ...backends.start_and_job_records import Job, Offers
from ...contracts.internal_tls import name_of
from ...site import Site
from ...site.sections.tier import Tier
from ..ledger.ledger import Ledger, Row
from .log_start_steps import log_start
from .offered_courses import OfferedCourses
from .open_tunnels import HERE, Tunnels
from .unix_accounts_of_users import AccountMap

if TYPE_CHECKING:
    from .issue_certificates import Certificates

SLACK = timedelta(minutes=10)  # added to the validity of a server's token and certificate


def longest_run(time_limit: float, start_timeout: float) -> timedelta:
    """Return the longest time that a server can exist, from its submission to its end, with SLACK.
    The API token and the certificate of a server are valid for this time. The arguments are in
    seconds."""
    return timedelta(seconds=time_limit + start_timeout) + SLACK


class HubState:
    """The state that all servers of the hub share.

    configure() stores the HubState in the class attribute `hub_state` of TierSpawner, Server and
    other classes.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ledger = Ledger(site.ledger)
        self.accounts = AccountMap(site, self.ledger)
        self.courses = OfferedCourses(site)
        self.tunnels = Tunnels(site, self.ledger) if site.tunnel else None
        self.addresses: dict[
            str, str
        ] = {}  # the addresses of the servers' hosts, by the server's tag
        self._expected: dict[str, asyncio.Event] = {}

    @cached_property
    def backends(self) -> dict[str, Backend]:
        """Return a dictionary, by name, of the backends that the site's tiers use, and of the
        backends whose servers have not all ended.

        Because the ledger is opened only at the first access to the backends, a program that only
        checks JupyterHub's configuration does not open the ledger.
        """
        in_use = {row.backend for row in self.ledger.open()}
        return backends_of(self.site, self.ledger.open, in_use)

    def backend_of(self, row: Row) -> Backend:
        """Return the backend on which a server was started."""
        return self.backends[row.backend]

    @property
    def knows_accounts(self) -> bool:
        """Return whether the cluster's Unix accounts also exist on this host.

        If the hub uses a login node, an account of the same name on this host can belong to another
        person.
        """
        return self.site.slurm.ssh is None

    def account_of(self, user: str) -> str:
        """Return the cluster's account for a user of the hub. Raises NoAccount if the user has no
        account, or has to log in again.

        With PAM, the account has the user's name.
        """
        return self.accounts.of(user)

    async def offers(self, user: str) -> Offers:
        """Return the Slurm accounts and reservations of a user, from the first backend that has
        such names."""
        account = self.account_of(user)
        answers = [await backend.offers(account) for backend in self.backends.values()]
        for offers in answers:
            if offers.accounts is not None or offers.reservations is not None:
                return offers
        return Offers()

    def tier(self, key: str) -> Tier:
        """Return a tier of the site, or the tier of a course, even if the course is not open now.
        Raises KeyError if no tier and no course has this key."""
        course = self.courses.course(key)
        return course.tier if course else self.site.tier(key)

    def job_of(self, row: Row) -> Job | None:
        """Return a server's job from the last list of all jobs; None if the list lacks the job."""
        return self.backend_of(row).find(row)

    @property
    def outage(self) -> bool:
        """Return whether a backend does not answer."""
        return any(backend.queue.silent_since is not None for backend in self.backends.values())

    @cached_property
    def certificates(self) -> Certificates:
        """Return the issuer of certificates, loaded at the first use."""
        # Imported here, because `cryptography` is only in the hub's environment. sitekit's own
        # environment, whose programs read the ledger too, does not contain `cryptography`.
        from .issue_certificates import Certificates

        return Certificates(self.site)

    def expect(self, tag: str) -> asyncio.Event:
        """Return an asyncio event, which is set when the server whose start has this tag (id)
        reports its port."""
        return self._expected.setdefault(tag, asyncio.Event())

    def forget(self, tag: str) -> None:
        """Remove the server whose start has this tag (id) from the list of servers that have not
        yet reported their port."""
        self._expected.pop(tag, None)

    def record_port(self, tag: str, port: int) -> bool:
        """Record the port from a server's callback.

        Returns False if no server whose start has this tag (id) is starting.
        """
        if not self.ledger.record_port(tag, port):
            return False
        log_start(tag, "listening", port=port)
        if tag in self._expected:
            self._expected[tag].set()
        return True

    def certificate(self, tag: str, lasts: timedelta) -> dict[str, str]:
        """Return the environment variable with key and certificate for this start of a server.

        Returns {} for a server that does not use TLS.
        """
        if not self.ledger.uses_tls(tag):
            return {}
        return {"JUPYTERHUB_SITEKIT_TLS": self.certificates.issue(tag, lasts)}

    def tunnel(self, tag: str, lasts: timedelta) -> dict[str, str]:
        """Return the environment variable with which this server opens its tunnel to the hub's
        machine.

        Returns {} for a site without tunnels. Raises Refused if the tunnel cannot be opened.
        """
        return self.tunnels.open(tag, lasts) if self.tunnels else {}

    def address_by_tunnel(self, tag: str) -> str:
        """Return the address at which the hub reaches a server with a tunnel; "" for a server
        without a tunnel."""
        return HERE if self.ledger.has_tunnel(tag) else ""

    def record_address(self, tag: str, address: str) -> None:
        """Record the IP address of a server's node, as soon as the address is known.

        The hub's HTTP client and the proxy look up the IP address by the start's tag (a random id).
        """
        if tag and address:
            self.addresses[tag] = address

    def url(self, tag: str, address: str, port: int) -> str:
        """Return the URL at which hub and proxy reach a server.

        With TLS, the URL's host is the name in the server's certificate. Hub and proxy check the
        name in the certificate, and connect to the node's IP address.
        """
        self.record_address(tag, address)
        if self.ledger.uses_tls(tag):
            return f"https://{name_of(tag)}:{port}"
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

    def has_ended(self, tag: str) -> bool:
        """Return whether the server start with this tag (id) has ended, or never existed."""
        row = self.ledger.row(tag)
        return row is None or row.ended is not None

    def has_unsettled_starts(self, backend: str) -> bool:
        """Return whether the reconciler still has to find or to cancel a job of this backend."""
        return self.ledger.has_unsettled(backend) or bool(
            self.ledger.closed_with_live_job(self.backends[backend].queue.snapshot)
        )

    def summary(self) -> dict[str, Any]:
        """Return the health of the backends for the status page. Times are in seconds.

        If there are several backends, the result contains one dict for each backend, by the
        backend's name.
        """
        statuses = {name: backend.status() for name, backend in self.backends.items()}
        flat = next(iter(statuses.values())) if len(statuses) == 1 else statuses
        return {**flat, "without_tls": self.ledger.without_tls()}
