"""A server: the submission of its job, the wait for it, and its stop.

It is the child that TierSpawner starts. What differs between backends is behind
sitekit.backends.interface; a class that derives from this one adds what sites know of a spawner of
that kind, such as batchspawner's traits.
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
from ..messages.cards import Card, card_of_outage, card_of_patience, card_of_refusal
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import longest
from ..servers.idle_limits import session_environment
from .directory import uid_of
from .not_started import NotStarted
from .watched_server import WatchedServer

GRACE = 8.0  # seconds between SIGTERM and the backend's own way of ending a job
PATIENCE = 20.0  # seconds that a stop waits for the backend to say that the job is gone


class Server(WatchedServer):
    """One server. `choice` and `backend_name` are set before start(); `persist` writes the state to
    the database."""

    choice: Choice
    persist: Callable[[], None]

    # --- start -----------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Submit the job and wait until its server listens. Returns its URL. Raises NotStarted with
        a card."""
        self.ip, self.port = "0.0.0.0", 0  # noqa: S104  (the server binds as its site says)
        self.take_figures()
        await self._write_to_ledger()
        self.persist()
        await self.submit()
        with self.backend.queue.waiting():
            return await self.listening_within(self.start_timeout)

    def take_figures(self) -> None:
        """The choice as JupyterHub's own limits, which its pages and its API show."""
        self.mem_limit = self.choice.cap * 1024**2
        self.mem_guarantee = self.choice.memory * 1024**2
        self.cpu_guarantee = float(self.choice.cpus)

    async def _write_to_ledger(self) -> None:
        token = orm.APIToken.find(object_session(self.orm_spawner), self.api_token)
        account = self.life.account_of(self.user.name)
        self.tag = self.life.ledger.intend(
            self.user.name,
            self.name,
            token.hashed if token else None,
            self.choice.as_dict(),
            backend=self.backend_name,
            account=account,
            uid=await uid_of(account),
        )
        if token:
            token.expires_at = utcnow(with_tz=False) + longest(self.choice.time, self.start_timeout)
        if self.life.site.internal_tls:
            self.life.ledger.certified(self.tag)

    async def submit(self) -> str:
        """Hand the validated figures to the backend. Returns the job's id. Raises NotStarted."""
        work = self.row()
        assert work is not None, "a job is submitted only after its row is in the ledger"  # noqa: S101
        live = {
            row.job
            for row in self.life.ledger.open(self.backend_name)
            if row.account == work.account and row.job
        }
        try:
            job = await self.backend.submit(work, self.choice, self._environment(), live)
        except Refused as refusal:
            await self._fail(card_of_refusal(self.backend, refusal))
        except NoAnswer as silence:
            # The job may exist all the same: the row stays open, and the reconciler ends what it
            # finds. So it does when this is cancelled: by its user, whose stop() abandons the row,
            # or by a hub that ends.
            card = card_of_outage(str(silence))
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None
        self.life.ledger.submitted(self.tag, job)
        self.job_id = job
        self.persist()
        return job

    def _environment(self) -> dict[str, str]:
        """JupyterHub's variables for its single-user server; backends take no others."""
        wanted = ("JUPYTERHUB_", "MEM_", "CPU_")
        given = {key: str(value) for key, value in self.get_env().items() if key.startswith(wanted)}
        told = session_environment(self.life.site.tier(self.choice.tier), self.choice)
        return (
            given
            | told
            | self.life.certificate(self.tag, longest(self.choice.time, self.start_timeout))
        )

    async def listening_within(self, seconds: float) -> str:
        """until_listening(), for as long as its user is ready to wait. JupyterHub stops what failed
        to start."""
        try:
            return await asyncio.wait_for(self.until_listening(), seconds)
        except (TimeoutError, asyncio.TimeoutError):
            card = await card_of_patience(self.life, self.tag)
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None

    async def until_listening(self) -> str:
        """Wait for the callback, however long the backend takes; look at each new snapshot for a
        job that has ended."""
        heard = self.life.expect(self.tag)
        try:
            while not self.port_told():
                turn = asyncio.ensure_future(self.backend.queue.next())
                bell = asyncio.ensure_future(heard.wait())
                await asyncio.wait({turn, bell}, return_when=asyncio.FIRST_COMPLETED)
                turn.cancel()
                bell.cancel()
                if not self.port_told() and await self.is_gone():
                    await self._fail_with_job()
            self.port = self.port_told()
            self.ip = await self._host()
            return self.life.url(self.tag, self.ip, self.port)
        finally:
            self.life.forget(self.tag)

    def port_told(self) -> int:
        """The port that the server has told; 0 before."""
        row = self.row()
        return row.port or 0 if row else 0

    async def _host(self) -> str:
        """The address of the host that the backend names. The server's own word is not asked for.
        It is remembered, so that a hub which restarts while the backend does not answer finds its
        servers."""
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
        """Whether the job has its host."""
        return job.running

    async def address_of(self, job: Job) -> str:
        """The address of a running job's host. Raises NoAnswer."""
        return await self.backend.address(job)

    async def _fail_with_job(self) -> NoReturn:
        """The job has ended before its server could be opened; or the backend denies that there is
        one."""
        card = await card_of_ending(self.life, self.tag, starting=True)
        # it may live: the stop that follows a failed start ends it, by its number
        if card.kind == "unseen":
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card)
        await self._fail(card)

    async def _fail(self, card: Card) -> NoReturn:
        self.life.ledger.end(self.tag, card.as_dict())
        raise NotStarted(card)

    # --- stop ------------------------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:
        """End the job: SIGTERM, a grace period, then the backend's own way. In an outage the
        reconciler ends it."""
        tag = self.tag
        self.life.ledger.abandon(tag)
        row = self.life.ledger.row(tag)
        if row is None or row.job is None or row.ended:
            return
        try:
            with self.backend.queue.waiting():
                job = self.life.job_of(row)
                if not now and row.listening and (job is None or job.running):
                    lives = await self.backend.stop(row, row.job, graceful=True)
                    if lives and await self._ended_within(GRACE):
                        return
                if not await self.backend.stop(row, row.job, graceful=False):
                    self.life.ledger.end(tag)
                elif not now:
                    await self._ended_within(PATIENCE)
        except (Refused, NoAnswer) as trouble:
            self.log.warning(
                "Job %s of %s is still to be cancelled: %s", row.job, self.user.name, trouble
            )

    async def _ended_within(self, seconds: float) -> bool:
        """Whether the backend says within `seconds` that the job is gone; the ledger then knows it
        too."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.4)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(
                    self.backend.queue.newer(), deadline - asyncio.get_running_loop().time()
                )
            if await self.is_gone():
                self.life.ledger.end(self.tag)
                return True
        return False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the waiting user reads: the reason in plain words, the expected start, then what is
        happening."""
        last = None
        with self.backend.queue.waiting():
            while True:
                event = progress.event(self.life, self.tag)
                if event != last:
                    yield event
                last = event
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self.backend.queue.next(), 2)
