"""Submit a server's job, wait until the server listens, and stop the server.

TierSpawner starts an object of the class Server as its child spawner. The interface
sitekit.backends.interface hides differences between backends. Classes derived from Server add
features of other spawners, such as batchspawner's traits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

from jupyterhub.spawner import Spawner

from ...backends.interface import Backend
from ...backends.resource_choice import Choice
from ...backends.start_and_job_records import Job, NoAnswer, Refused
from ..ledger.ledger import Row
from ..messages import progress_text
from ..messages.ended_cards import card_of_ending
from ..messages.failed_start_cards import Card, card_of_outage, card_of_refusal, card_of_slow_start
from ..servers.log_start_steps import log_start
from ..servers.shared_objects import HubState
from .follow_parent_traits import FollowingTraits
from .not_started import NotStarted
from .prepare_submission import record_start, variables_of

GRACE = 8.0  # seconds between SIGTERM and the cancelling of the job
STOP_TIMEOUT = 20.0  # seconds that stop() waits until the backend reports that the job is gone


class Server(FollowingTraits, Spawner):
    """Run one server. TierSpawner sets `choice` and `backend_name` before start().

    `persist` writes the spawner's state to JupyterHub's database.
    """

    hub_state: HubState
    choice: Choice
    offered: frozenset[str] | None = None  # keys of the user's tiers, as read at the start
    persist: Callable[[], None]
    backend_name = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tag = self.job_id = ""
        self.address = ""  # the address of the job's host, or "" until the backend has returned it
        self.ending_since = 0.0  # when the server reported its end (monotonic clock); 0 before

    @property
    def backend(self) -> Backend:
        """Return the backend that runs the server."""
        return self.hub_state.backends[self.backend_name]

    def row(self) -> Row | None:
        """Return the server's record in the ledger; None before its first start."""
        return self.hub_state.ledger.row(self.tag) if self.tag else None

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.tag:
            state |= {"tag": self.tag, "address": self.address, "job_id": self.job_id}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.tag, self.address = state.get("tag", ""), state.get("address", "")
        self.job_id = state.get("job_id", "")
        # after a crash, the ledger may be newer than JupyterHub's database
        if row := self.row():
            self.job_id, self.backend_name = row.job or "", row.backend
        self.hub_state.record_address(self.tag, self.address)

    def clear_state(self) -> None:
        super().clear_state()
        self.hub_state.addresses.pop(self.tag, None)
        self.tag, self.job_id, self.address, self.ending_since = "", "", "", 0.0

    async def start(self) -> str:
        """Submit the job, wait until the server listens, and return the URL. Raises NotStarted."""
        self.ip, self.port = "0.0.0.0", 0  # noqa: S104  (not an address to bind: the session binds the port)
        self.set_limits()
        self.tag = await record_start(self.hub_state, self, self.choice, self.backend_name)
        self.persist()
        await self.submit()
        with self.backend.queue.waiting():
            return await self.wait_until_listening(self.start_timeout)

    def set_limits(self) -> None:
        """Copy the choice to JupyterHub's own limits, which its pages and its API show."""
        self.mem_limit = self.choice.cap * 1024**2
        self.mem_guarantee = self.choice.memory * 1024**2
        self.cpu_guarantee = float(self.choice.cpus * self.choice.tasks)

    async def submit(self) -> str:
        """Submit the job with the checked limits, and return the job's id. Raises NotStarted."""
        work = self.row()
        assert work is not None, "a job is submitted only after its row is in the ledger"  # noqa: S101
        live = {
            row.job
            for row in self.hub_state.ledger.open(self.backend_name)
            if row.account == work.account and row.job
        }
        try:
            environment = variables_of(self.hub_state, self, self.tag, self.choice)
            job = await self.backend.submit(work, self.choice, environment, live)
        except Refused as refusal:
            await self._fail(card_of_refusal(self.backend, refusal))
        except NoAnswer as outage:
            # The job may exist nevertheless. Therefore, the start stays open in the ledger, and
            # reconcile.py cancels the job if Slurm lists the job. The same happens if JupyterHub
            # cancels this start, because the user stops the server or the hub ends.
            card = card_of_outage(self.backend, str(outage))
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None
        self.hub_state.ledger.record_job(self.tag, job)
        log_start(self.tag, "submitted", job=job)
        self.job_id = job
        self.persist()
        return job

    async def wait_until_listening(self, seconds: float) -> str:
        """Wait for the server at most `seconds`, and return its URL.

        Raises NotStarted with a card (a text for the user). JupyterHub stops a failed server.
        """
        try:
            return await asyncio.wait_for(self.wait_for_callback(), seconds)
        except (TimeoutError, asyncio.TimeoutError):
            card = await card_of_slow_start(self.hub_state, self.tag)
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None

    async def wait_for_callback(self) -> str:
        """Wait until the server reports its port or the job has ended, and return the URL."""
        callback = self.hub_state.expect(self.tag)
        try:
            while not (port := self.reported_port()):
                snapshot = asyncio.ensure_future(self.backend.queue.next())
                called = asyncio.ensure_future(callback.wait())
                await asyncio.wait({snapshot, called}, return_when=asyncio.FIRST_COMPLETED)
                snapshot.cancel()
                called.cancel()
                if not self.reported_port() and await self.is_gone():
                    await self._fail_with_job()
            self.ip, self.port = await self._host(), port
            log_start(self.tag, "opened", address=self.ip, port=port)
            return self.hub_state.url(self.tag, self.ip, self.port)
        finally:
            self.hub_state.forget(self.tag)

    def reported_port(self) -> int:
        """Return the port that the server has reported to the hub; 0 if the server has not yet
        reported a port."""
        row = self.row()
        return row.port or 0 if row else 0

    async def _host(self) -> str:
        """Return the IP address of the job's host; with a tunnel, the IP address of this host.

        The hub queries the backend, and not the server, because a server could report any address.
        The address is stored for a hub that restarts while the backend does not answer.
        """
        self.address = self.address or self.hub_state.address_by_tunnel(self.tag)
        while not self.address:
            if await self.is_gone():
                await self._fail_with_job()
            with contextlib.suppress(NoAnswer):
                job = await self.job()
                self.address = (await self.address_of(job) if job else None) or ""
                if self.address:
                    break
            await self.backend.queue.newer()
        return self.address

    async def address_of(self, job: Job) -> str | None:
        """Return the IP address of the job's host; None if the job has no host. Raises NoAnswer."""
        return await self.backend.address(job) if job.running and job.host else None

    async def _fail_with_job(self) -> NoReturn:
        """Raise NotStarted, because the job has ended, or because the backend hides the job."""
        card = await card_of_ending(self.hub_state, self.tag, starting=True)
        # the job may still run; JupyterHub then calls stop(), which cancels the job by its number
        if card.kind == "unseen":
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card)
        await self._fail(card)

    async def _fail(self, card: Card) -> NoReturn:
        """Record in the ledger that the start has failed, with this card, and raise NotStarted."""
        self.hub_state.ledger.end(self.tag, card.as_dict())
        raise NotStarted(card)

    async def job(self) -> Job | None:
        """Return the job as the backend reports it; None if the backend reports no such job.

        Raises NoAnswer.
        """
        row = self.row()
        if row is None or row.ended:
            return None
        queue = self.backend.queue
        if queue.snapshot.taken < 0 and queue.silent_since is None:
            await queue.newer()
        job = await self.backend.look_up(row)
        # an earlier hub died after the submission, before it received the job's number
        if job and row.job is None:
            self.hub_state.ledger.record_job(self.tag, job.id)
            self.job_id = job.id
        return job

    async def is_gone(self) -> bool:
        """Return whether the backend reports that the job has ended.

        Returns False if the backend does not answer.
        """
        try:
            job = await self.job()
        except NoAnswer:
            return False
        return job is None or job.ended

    async def poll(self) -> int | None:
        """Return 1 if the backend reports that the job has ended, else None.

        The result None also means that the backend does not answer.
        """
        try:
            return await self._poll()
        except Exception:
            # after an error, JupyterHub treats the server as ended (app.py, check_spawner)
            self.log.exception("Server of %s: the poll failed; it is kept", self.user.name)
            return None

    async def _poll(self) -> int | None:
        if not self.tag:
            return 1
        if not await self.is_gone():
            return None
        row = self.row()
        if row and not row.ended:
            card = await card_of_ending(self.hub_state, self.tag, starting=not row.listening)
            self.hub_state.ledger.end(
                self.tag, card.as_dict() if card and not row.abandoned else None
            )
        return 1

    def current_job(self) -> Job | None:
        """Return the server's job from the last list of all jobs."""
        row = self.row()
        return self.hub_state.job_of(row) if row else None

    async def stop(self, now: bool = False) -> None:
        """End the job with SIGTERM. After a grace period, cancel a job that has not ended.

        If the backend does not answer, the reconciler cancels the job later.
        """
        tag = self.tag
        self.hub_state.ledger.abandon(tag)
        row = self.hub_state.ledger.row(tag)
        if row is None or row.job is None or row.ended:
            return
        try:
            with self.backend.queue.waiting():
                job = self.hub_state.job_of(row)
                if not now and row.listening and (job is None or job.running):
                    lives = await self.backend.stop(row, row.job, graceful=True)
                    if lives and await self._wait_until_ended(GRACE):
                        return
                if not await self.backend.stop(row, row.job, graceful=False):
                    self.hub_state.ledger.end(tag)
                elif not now:
                    await self._wait_until_ended(STOP_TIMEOUT)
        except (Refused, NoAnswer) as trouble:
            self.log.warning(
                "Job %s of %s is still to be cancelled: %s", row.job, self.user.name, trouble
            )

    async def _wait_until_ended(self, seconds: float) -> bool:
        """Record the end and return True if the job ends within `seconds`; else return False."""
        try:
            await asyncio.wait_for(self._wait_until_gone(), seconds)
        except (TimeoutError, asyncio.TimeoutError):
            return False
        self.hub_state.ledger.end(self.tag)
        return True

    async def _wait_until_gone(self) -> None:
        while not await self.is_gone():
            await asyncio.sleep(0.4)
            await self.backend.queue.newer()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the events that the waiting user reads, until JupyterHub ends the iteration."""
        with self.backend.queue.waiting():
            start = self.hub_state, self.backend, self.tag
            async for event in progress_text.events(*start, self.offered):
                yield event
