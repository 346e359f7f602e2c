"""Submit a server's job, wait until the server listens, and stop it.

TierSpawner starts this class as its child. Differences between backends are behind
sitekit.backends.interface. A class that derives from this one adds what sites expect of a spawner
of that kind, such as batchspawner's traits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

from jupyterhub import orm
from jupyterhub.utils import utcnow
from sqlalchemy.orm import object_session

from ...backends.choice import Choice
from ...backends.interface import Job, NoAnswer, Refused
from ..messages import progress
from ..messages.cards import Card, card_of_outage, card_of_refusal, card_of_slow_start
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import longest_run
from ..servers.idle_limits import session_environment
from .look_up_accounts import uid_of
from .not_started import NotStarted
from .watched_server import WatchedServer

GRACE = 8.0  # seconds between SIGTERM and the backend's way to cancel a job
STOP_TIMEOUT = 20.0  # seconds that stop() waits until the backend reports that the job is gone


class Server(WatchedServer):
    """One server. TierSpawner sets `choice` and `backend_name` before start().

    `persist` writes the spawner's state to JupyterHub's database.
    """

    choice: Choice
    persist: Callable[[], None]

    # --- start -----------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Submit the job, wait until its server listens, and return its URL.

        Raises NotStarted with a card.
        """
        self.ip, self.port = "0.0.0.0", 0  # noqa: S104  (not an address to bind: the session binds the port)
        self.set_limits()
        await self._write_to_ledger()
        self.persist()
        await self.submit()
        with self.backend.queue.waiting():
            return await self.wait_until_listening(self.start_timeout)

    def set_limits(self) -> None:
        """Copy the choice to JupyterHub's own limits, which its pages and its API show."""
        self.mem_limit = self.choice.cap * 1024**2
        self.mem_guarantee = self.choice.memory * 1024**2
        self.cpu_guarantee = float(self.choice.cpus)

    async def _write_to_ledger(self) -> None:
        """Write the ledger's row for this start, before its job is submitted."""
        token = orm.APIToken.find(object_session(self.orm_spawner), self.api_token)
        account = self.hub_state.account_of(self.user.name)
        self.tag = self.hub_state.ledger.record_intent(
            self.user.name,
            self.name,
            token.hashed if token else None,
            self.choice.as_dict(),
            backend=self.backend_name,
            account=account,
            uid=await uid_of(account),
        )
        if token:
            token.expires_at = utcnow(with_tz=False) + longest_run(
                self.choice.time, self.start_timeout
            )
        if self.hub_state.site.internal_tls:
            self.hub_state.ledger.record_certificate(self.tag)

    async def submit(self) -> str:
        """Hand the checked figures to the backend, and return the job's id. Raises NotStarted."""
        work = self.row()
        assert work is not None, "a job is submitted only after its row is in the ledger"  # noqa: S101
        live = {
            row.job
            for row in self.hub_state.ledger.open(self.backend_name)
            if row.account == work.account and row.job
        }
        try:
            job = await self.backend.submit(work, self.choice, self._environment(), live)
        except Refused as refusal:
            await self._fail(card_of_refusal(self.backend, refusal))
        except NoAnswer as outage:
            # The job may exist all the same. So the row stays open, and the reconciler cancels the
            # job if it finds it. The same happens when this coroutine is cancelled: because the
            # user stops the server, which abandons the row, or because the hub ends.
            card = card_of_outage(str(outage))
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None
        self.hub_state.ledger.record_job(self.tag, job)
        self.job_id = job
        self.persist()
        return job

    def _environment(self) -> dict[str, str]:
        """Return JupyterHub's variables for its single-user server.

        Backends accept no others.
        """
        prefixes = ("JUPYTERHUB_", "MEM_", "CPU_")
        environment = {
            key: str(value) for key, value in self.get_env().items() if key.startswith(prefixes)
        }
        environment |= session_environment(self.hub_state.site.tier(self.choice.tier), self.choice)
        lifetime = longest_run(self.choice.time, self.start_timeout)
        return environment | self.hub_state.certificate(self.tag, lifetime)

    async def wait_until_listening(self, seconds: float) -> str:
        """Wait for the server at most `seconds`, and return its URL.

        Raises NotStarted with a card. JupyterHub stops a server that failed to start.
        """
        try:
            return await asyncio.wait_for(self.wait_for_callback(), seconds)
        except (TimeoutError, asyncio.TimeoutError):
            card = await card_of_slow_start(self.hub_state, self.tag)
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None

    async def wait_for_callback(self) -> str:
        """Wait for the server's callback, however long the backend takes, and return its URL.

        Each new snapshot is checked as well, in case the job has ended.
        """
        callback = self.hub_state.expect(self.tag)
        try:
            while not self.reported_port():
                snapshot = asyncio.ensure_future(self.backend.queue.next())
                called = asyncio.ensure_future(callback.wait())
                await asyncio.wait({snapshot, called}, return_when=asyncio.FIRST_COMPLETED)
                snapshot.cancel()
                called.cancel()
                if not self.reported_port() and await self.is_gone():
                    await self._fail_with_job()
            self.port = self.reported_port()
            self.ip = await self._host()
            return self.hub_state.url(self.tag, self.ip, self.port)
        finally:
            self.hub_state.forget(self.tag)

    def reported_port(self) -> int:
        """Return the port that the server has reported; 0 before."""
        row = self.row()
        return row.port or 0 if row else 0

    async def _host(self) -> str:
        """Return the address of the job's host, as the backend has it.

        An address from the server itself would not be trusted. The answer is stored, so that a hub
        that restarts while the backend does not answer can still reach its servers.
        """
        while not self.address:
            if await self.is_gone():
                await self._fail_with_job()
            with contextlib.suppress(NoAnswer):
                job = await self.job()
                if job and job.host and self.is_running(job):
                    self.address = await self.address_of(job)
                    break
            await self.backend.queue.newer()
        return self.address

    def is_running(self, job: Job) -> bool:
        """Return whether the job has been given its host."""
        return job.running

    async def address_of(self, job: Job) -> str:
        """Return the address of a running job's host. Raises NoAnswer."""
        return await self.backend.address(job)

    async def _fail_with_job(self) -> NoReturn:
        """Raise NotStarted, because the job has ended, or because the backend hides it."""
        card = await card_of_ending(self.hub_state, self.tag, starting=True)
        # the job may live: JupyterHub calls stop() after a failed start, which cancels it by number
        if card.kind == "unseen":
            self.hub_state.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card)
        await self._fail(card)

    async def _fail(self, card: Card) -> NoReturn:
        """Close the row with this card, and raise NotStarted."""
        self.hub_state.ledger.end(self.tag, card.as_dict())
        raise NotStarted(card)

    # --- stop ------------------------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:
        """End the job: SIGTERM, a grace period, then the backend's way to cancel a job.

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
        """Return whether the backend reports within `seconds` that the job is gone.

        If it does, the row in the ledger is closed.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.4)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(
                    self.backend.queue.newer(), deadline - asyncio.get_running_loop().time()
                )
            if await self.is_gone():
                self.hub_state.ledger.end(self.tag)
                return True
        return False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the events that the waiting user reads.

        They tell why the job waits, its expected start, and then what is happening.
        """
        last = None
        with self.backend.queue.waiting():
            while True:
                event = progress.event(self.hub_state, self.tag)
                if event != last:
                    yield event
                last = event
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self.backend.queue.next(), 2)
