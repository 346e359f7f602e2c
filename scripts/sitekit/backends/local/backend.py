"""Define the base class of the backends docker and systemd, which run servers on the hub's own
host. The backends docker and systemd have no queue. Therefore the local gate starts a server at
once, or refuses the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from ...site import Site
from ..resource_choice import Choice
from ..start_and_job_records import (
    Ending,
    Explanation,
    Job,
    Maintenance,
    NoAnswer,
    Offers,
    Refused,
    Wait,
    Work,
)
from . import gate_client
from .parse_servers import Servers, ending_of, job_of

SUBMITTING = 90.0
"""The time in seconds after which a start that an earlier hub began has either reached the engine,
or will never reach the engine."""


class LocalBackend:
    """Run servers through the local gate, the root-owned program that starts servers on this host.
    `engine` is `docker` or `systemd`, as in requests to the local gate."""

    title = ""
    engine = ""
    spawner = "sitekit.hub.spawner.server_spawner:Server"

    def __init__(self, site: Site, open_work: Callable[[], Iterable[Work]]) -> None:
        self.site, self.strays = site, list[str]()
        self.queue = Servers(site, self.engine, self.title)
        # tag of a server -> time when the request to start the server had ended
        self._started: dict[str, float] = {}

    async def offers(self, account: str) -> Offers:
        return Offers()

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        """Start a server. Raises Refused, NoAnswer."""
        try:
            return await gate_client.submit(self.site, self.engine, work, choice, environment)
        except NoAnswer:
            self.queue.look()
            raise
        finally:
            self._started[work.tag] = time.monotonic()

    def find(self, work: Work) -> Job | None:
        return self.queue.snapshot.job_of(work)

    async def look_up(self, work: Work) -> Job | None:
        """Return the server as a job. Return None if a list of all servers that is newer than the
        server's start does not contain the server. Raises NoAnswer if there is no such new list.
        """
        if job := self.find(work):
            return job
        if not self._is_younger(work):
            await self.queue.newer()
        if not self.queue.healthy or not self._is_younger(work):
            raise NoAnswer(f"{self.title} has not been asked since the start")
        return self.find(work)

    def _is_younger(self, work: Work) -> bool:
        """Return whether the last list of servers is newer than the request that started the
        server.
        """
        snapshot = self.queue.snapshot
        if work.tag in self._started:
            return snapshot.taken > self._started[work.tag]
        return snapshot.at > work.intended + SUBMITTING

    def is_hidden(self, work: Work) -> bool:
        return False

    def explain_reason(self, job: Job) -> str:
        return f"{self.title} is starting the server."

    def wait(self, job: Job) -> Wait:
        return Wait(self.explain_reason(job))

    def expected_start(self, tier: str) -> int | None:
        return int(time.time())

    async def free_nodes(self) -> None:
        return None

    def explain_refusal(self, refusal: Refused) -> Explanation | None:
        if refusal.kind == "image":
            return Explanation(
                "image-missing",
                "The container image is missing on the hub's machine.",
                "Choose another image, or tell your administrators.",
            )
        if refusal.kind == "engine":
            what = f"{self.title} could not start the server."
            return Explanation("engine", what, "Try again, or tell your administrators.")
        return None

    async def address(self, job: Job) -> str:
        """Return the IP address at which the hub connects to the server. Raises NoAnswer."""
        raise NotImplementedError

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        return await gate_client.cancel(self.site, self.engine, job, graceful=graceful)

    async def ending(self, work: Work, job: str) -> Ending | None:
        try:
            found = await gate_client.servers(self.site, self.engine, job)
        except NoAnswer:
            return None
        own = [one for one in found if work.owns(one["uid"], str(one["account"]))]
        return ending_of(own[0]) if own else None

    async def log_tail(self, work: Work, job: str) -> list[str]:
        return await gate_client.log_lines(self.site, self.engine, job)

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        return {"servers": self.queue.run}

    async def list_jobs(self) -> Collection[Job]:
        return [job_of(one) for one in await gate_client.servers(self.site, self.engine)]

    async def hidden_from(self, account: str) -> tuple[str, str] | None:
        return None

    async def node_names(self) -> Collection[str]:
        return ()

    def maintenance(self) -> Collection[Maintenance]:
        return ()

    def status(self) -> dict[str, object]:
        return self.queue.status() | {"strays": self.strays}
