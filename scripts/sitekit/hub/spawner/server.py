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

from jupyterhub.spawner import Spawner

from ...backends.choice import Choice
from ...backends.interface import Backend, Job, NoAnswer, Refused
from ..messages import progress
from ..messages.cards import Card, card_of_outage, card_of_patience, card_of_refusal
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import Life
from ..servers.ledger import Row
from .not_started import NotStarted
from .submission import record_start, variables_of

GRACE = 8.0  # seconds between SIGTERM and the backend's own way of ending a job
PATIENCE = 20.0  # seconds that a stop waits for the backend to say that the job is gone


class Server(Spawner):
    """One server. `choice` and `backend_name` are set before start(); `persist` writes the state to
    the database."""

    life: Life
    choice: Choice
    persist: Callable[[], None]
    backend_name = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tag = ""
        self.job_id = ""
        self.address = ""  # of its host, once the backend has told it
        self.leaving = 0.0  # since when the server says that it ends, by the monotonic clock

    @property
    def backend(self) -> Backend:
        """What runs it."""
        return self.life.backends[self.backend_name]

    def row(self) -> Row | None:
        """Its row in the ledger; None before its first start."""
        return self.life.ledger.row(self.tag) if self.tag else None

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.tag:
            state |= {"tag": self.tag, "address": self.address, "job_id": self.job_id}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.tag, self.address = state.get("tag", ""), state.get("address", "")
        self.job_id = state.get("job_id", "")
        # the ledger is written first; after a crash it may know more than JupyterHub's database
        if row := self.row():
            self.job_id, self.backend_name = row.job or "", row.backend
        self.life.lies_at(self.tag, self.address)

    def clear_state(self) -> None:
        super().clear_state()
        self.life.addresses.pop(self.tag, None)
        self.tag, self.job_id, self.address, self.leaving = "", "", "", 0.0

    # --- start -----------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Submit the job and wait until its server listens. Returns its URL. Raises NotStarted with
        a card."""
        self.ip, self.port = "0.0.0.0", 0  # noqa: S104  (the server binds as its site says)
        self.take_figures()
        self.tag = await record_start(self)
        self.persist()
        await self.submit()
        with self.backend.queue.waiting():
            return await self.listening_within(self.start_timeout)

    def take_figures(self) -> None:
        """The choice as JupyterHub's own limits, which its pages and its API show."""
        self.mem_limit = self.choice.cap * 1024**2
        self.mem_guarantee = self.choice.memory * 1024**2
        self.cpu_guarantee = float(self.choice.cpus)

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
            job = await self.backend.submit(work, self.choice, variables_of(self), live)
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

    # --- watching ---

    async def job(self) -> Job | None:
        """Its job as the backend knows it; None when the backend says that it is gone. Raises
        NoAnswer."""
        row = self.row()
        if row is None or row.ended:
            return None
        queue = self.backend.queue
        if queue.snapshot.taken < 0 and queue.silent_since is None:
            await queue.newer()
        job = await self.backend.look_up(row)
        # the hub died between the submission and its answer: here is the job
        if job and row.job is None:
            self.life.ledger.submitted(self.tag, job.id)
            self.job_id = job.id
        return job

    async def is_gone(self) -> bool:
        """Whether its job has ended, by the backend's own word: a backend that does not answer ends
        no server."""
        try:
            job = await self.job()
        except NoAnswer:
            return False
        return job is None or job.ended

    async def poll(self) -> int | None:
        """None while the job lives or while nobody can say that it does not; 1 when the backend
        says that it ended."""
        try:
            return await self._poll()
        except Exception:
            # JupyterHub takes a poll that fails for a server that is gone (app.py, check_spawner)
            self.log.exception(
                "The server of %s could not be looked after; it is kept", self.user.name
            )
            return None

    async def _poll(self) -> int | None:
        if not self.tag:
            return 1
        if not await self.is_gone():
            return None
        row = self.row()
        if row and not row.ended:
            card = await card_of_ending(self.life, self.tag, starting=not row.listening)
            self.life.ledger.end(self.tag, card.as_dict() if card and not row.abandoned else None)
        return 1

    def current_job(self) -> Job | None:
        """Its job in the last snapshot."""
        row = self.row()
        return self.life.job_of(row) if row else None

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
