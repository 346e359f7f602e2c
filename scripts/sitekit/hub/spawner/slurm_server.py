"""A server: one Slurm job, from its submission through the gate to its end, watched through the queue snapshot.

It is batchspawner's SlurmSpawner with another way of speaking to Slurm. What sites rely on stays: the req_*
traits, the state regexes and the exec host, which here read the shared snapshot in place of a squeue of one's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

from batchspawner import JobStatus, SlurmSpawner
from jupyterhub import orm
from jupyterhub.spawner import SpawnException
from jupyterhub.utils import utcnow
from sqlalchemy.orm import object_session

from ...backends.slurm import gate
from ...backends.slurm.command import Silent
from ...backends.slurm.parse import Job
from ...site.units import format_memory, format_time
from ..messages import progress
from ..messages.cards import Card, card_of_outage, card_of_patience, card_of_refusal
from ..messages.ended_cards import card_of_ending
from ..servers.choices import Choice
from ..servers.hub_state import Life, longest
from ..servers.idle_limits import session_environment
from .directory import uid_of

GRACE = 8.0  # seconds between SIGTERM and Slurm's own way of ending a job
PATIENCE = 20.0  # seconds that a stop waits for Slurm to say that the job is gone


class NotStarted(SpawnException):
    """A start that failed for a reason that its user can read. Not the hub's fault: no traceback, no failure count."""

    def __init__(self, card: Card) -> None:
        super().__init__(f"{card.what} {card.remedy}", reason=card.kind, message_html=card.as_html(), status_code=503)
        self.jupyterhub_message = f"{card.what} {card.remedy}"
        self.jupyterhub_html_message = card.as_html()
        self.card = card


class SlurmServer(SlurmSpawner):
    """The child that TierSpawner starts. `choice` is set before start(), `persist` writes the state to the database."""

    life: Life
    choice: Choice
    persist: Callable[[], None]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tag = ""
        self.address = ""  # of its node, once Slurm has told it
        self.leaving = 0.0  # since when the server says that it ends, by the monotonic clock

    # --- state -----------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.tag:
            state |= {"tag": self.tag, "address": self.address}
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.tag, self.address = state.get("tag", ""), state.get("address", "")
        row = self.life.ledger.row(self.tag) if self.tag else None
        if row:  # the ledger is written first; after a crash it may know more than JupyterHub's database
            self.job_id = str(row.job or "")
        self.life.lies_at(self.tag, self.address)

    def clear_state(self) -> None:
        super().clear_state()
        self.life.addresses.pop(self.tag, None)
        self.tag, self.address, self.leaving = "", "", 0.0

    # --- start -----------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Submit the job and wait until its server listens. Returns its URL. Raises NotStarted with a card."""
        self.ip, self.port = "0.0.0.0", 0  # noqa: S104  (what batchspawner starts from; the server binds as its site says)
        self._take_figures()
        token = orm.APIToken.find(object_session(self.orm_spawner), self.api_token)
        uid, hashed = await uid_of(self.user.name), token.hashed if token else None
        self.tag = self.life.ledger.intend(self.user.name, self.name, hashed, self.choice.as_dict(), uid)
        if token:
            token.expires_at = utcnow(with_tz=False) + longest(self.choice.time, self.start_timeout)
        if self.life.site.internal_tls:
            self.life.ledger.certified(self.tag)
        self.persist()
        await self.submit_batch_script()
        with self.life.queue.waiting():
            return await self.listening_within(self.start_timeout)

    async def listening_within(self, seconds: float) -> str:
        """until_listening(), for as long as its user is ready to wait. JupyterHub stops what failed to start."""
        try:
            return await asyncio.wait_for(self.until_listening(), seconds)
        except (TimeoutError, asyncio.TimeoutError):
            card = await card_of_patience(self.life, self.tag)
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None

    def _take_figures(self) -> None:
        """The choice as batchspawner's req_* traits, for templates and hooks that read them."""
        self.req_partition = ",".join(self.choice.partitions)
        self.req_memory = format_memory(self.choice.memory)
        self.req_nprocs = str(self.choice.cpus)
        self.req_runtime = format_time(self.choice.time)
        self.req_account, self.req_qos = self.choice.account, self.choice.qos
        self.req_reservation, self.req_gres = self.choice.reservation, self.choice.gres
        self.req_ngpus = str(self.choice.gpus or "")
        self.mem_limit = self.choice.cap * 1024**2
        self.mem_guarantee = self.choice.memory * 1024**2
        self.cpu_guarantee = float(self.choice.cpus)

    async def submit_batch_script(self) -> str:
        """Hand the validated figures to the gate, which renders the script and runs sbatch as the user."""
        try:
            theirs = {row.job for row in self.life.ledger.open() if row.user == self.user.name and row.job}
            request = self.choice.request(self.tag, self._environment(), theirs)
            number = await gate.submit(self.life.site, self.user.name, request)
        except gate.Refused as refusal:
            await self._fail(card_of_refusal(refusal.kind, str(refusal)))
        except Silent as silence:
            # sbatch may have been heard all the same: the row stays open, and the reconciler ends what it finds. So it
            # does when this is cancelled: by its user, whose stop() abandons the row, or by a hub that ends
            self.life.queue.look()
            card = card_of_outage(str(silence))
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card) from None
        self.life.ledger.submitted(self.tag, number)
        self.job_id = str(number)
        self.persist()
        return self.job_id

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Nothing more: batchspawner's asks the directory in the hub's event loop, and fails where it is silent
        (batchspawner.py, UserEnvMixin). HOME, USER and SHELL are the gate's to set."""
        return env

    def _environment(self) -> dict[str, str]:
        """JupyterHub's variables for its single-user server; the gate takes no others."""
        wanted = ("JUPYTERHUB_", "MEM_", "CPU_")
        given = {key: str(value) for key, value in self.get_env().items() if key.startswith(wanted)}
        told = session_environment(self.life.site.tier(self.choice.tier), self.choice)
        return given | told | self.life.certificate(self.tag, longest(self.choice.time, self.start_timeout))

    async def until_listening(self) -> str:
        """Wait for the callback, however long Slurm takes; look at each new snapshot for a job that has ended."""
        heard = self.life.expect(self.tag)
        try:
            while not self.port_told():
                turn = asyncio.ensure_future(self.life.queue.next())
                bell = asyncio.ensure_future(heard.wait())
                await asyncio.wait({turn, bell}, return_when=asyncio.FIRST_COMPLETED)
                turn.cancel()
                bell.cancel()
                if not self.port_told() and await self.query_job_status() == JobStatus.NOTFOUND:
                    await self._fail_with_job()
            self.port = self.port_told()
            self.ip = await self._host()
            return self.life.url(self.tag, self.ip, self.port)
        finally:
            self.life.forget(self.tag)

    def port_told(self) -> int:
        """The port that the server has told; 0 before."""
        row = self.life.ledger.row(self.tag)
        return row.port or 0 if row else 0

    async def _host(self) -> str:
        """The address of the node that Slurm allocated. The server's own word is not asked for. It is remembered, so
        that a hub which restarts while Slurm is silent finds its servers."""
        while not self.address:
            if await self.query_job_status() == JobStatus.NOTFOUND:
                await self._fail_with_job()
            node = self.state_gethost() if self.state_isrunning() else None
            if node:
                with contextlib.suppress(Silent):
                    # what state_exechost_exp makes of the node's name is an address already, as in batchspawner
                    self.address = node if self.state_exechost_exp else await self.life.address(node)
                    break
            await self.life.queue.newer()
        return self.address

    async def _fail_with_job(self) -> NoReturn:
        """The job has ended before its server could be opened; or Slurm denies that there is one."""
        card = await card_of_ending(self.life, self.tag, starting=True)
        if card.kind == "unseen":  # it may live: the stop that follows a failed start ends it, by its number
            self.life.ledger.abandon(self.tag, card.as_dict())
            raise NotStarted(card)
        await self._fail(card)

    async def _fail(self, card: Card) -> NoReturn:
        self.life.ledger.end(self.tag, card.as_dict())
        raise NotStarted(card)

    # --- watching --------------------------------------------------------------------------------------------

    async def query_job_status(self) -> JobStatus:
        """The job's state from the shared snapshot; only Slurm's own word makes it NOTFOUND."""
        row = self.life.ledger.row(self.tag) if self.tag else None
        if row is None or row.ended:
            self.job_status = ""
            return JobStatus.NOTFOUND
        if self.life.queue.snapshot.taken < 0 and self.life.queue.silent_since is None:
            await self.life.queue.newer()
        try:
            job = await self.life.jobs.find(row)
        except Silent:
            self.job_status = ""
            return JobStatus.UNKNOWN
        if job is None:
            self.job_status = ""
            return JobStatus.NOTFOUND
        if row.job is None:  # the hub died between sbatch and its answer: here is the job
            self.life.ledger.submitted(self.tag, job.id)
            self.job_id = str(job.id)
        self.job_status = f"{job.state} {job.host}".strip()
        if job.ended:
            return JobStatus.NOTFOUND
        if self.state_ispending() or job.pending:
            return JobStatus.PENDING
        return JobStatus.RUNNING if self.state_isrunning() or job.running else JobStatus.UNKNOWN

    async def poll(self) -> int | None:
        """None while the job lives or while nobody can say that it does not; 1 when Slurm says that it ended."""
        try:
            return await self._poll()
        except Exception:  # JupyterHub takes a poll that fails for a server that is gone (app.py, check_spawner)
            self.log.exception("The server of %s could not be looked after; it is kept", self.user.name)
            return None

    async def _poll(self) -> int | None:
        if not self.tag:
            return 1
        if await self.query_job_status() != JobStatus.NOTFOUND:
            return None
        row = self.life.ledger.row(self.tag)
        if row and not row.ended:
            card = await card_of_ending(self.life, self.tag, starting=not row.listening)
            self.life.ledger.end(self.tag, card.as_dict() if card and not row.abandoned else None)
        return 1

    # --- stop ------------------------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:
        """End the job: SIGTERM, a grace period, then Slurm's own way. In an outage the reconciler ends it later."""
        tag = self.tag
        self.life.ledger.abandon(tag)
        row = self.life.ledger.row(tag)
        if row is None or row.job is None or row.ended:
            return
        try:
            with self.life.queue.waiting():
                job = self.life.jobs.listed(row)
                if not now and row.listening and (job is None or job.running):
                    lives = await gate.cancel(self.life.site, self.user.name, row.job, row.owns, graceful=True)
                    if lives and await self._ended_within(GRACE):
                        return
                if not await gate.cancel(self.life.site, self.user.name, row.job, row.owns, graceful=False):
                    self.life.ledger.end(tag)
                elif not now:
                    await self._ended_within(PATIENCE)
        except (gate.Refused, Silent) as trouble:
            self.log.warning("Job %s of %s is still to be cancelled: %s", row.job, self.user.name, trouble)

    async def _ended_within(self, seconds: float) -> bool:
        """Whether Slurm says within `seconds` that the job is gone; the ledger then knows it too."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.4)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self.life.queue.newer(), deadline - asyncio.get_running_loop().time())
            if await self.query_job_status() == JobStatus.NOTFOUND:
                self.life.ledger.end(self.tag)
                return True
        return False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the waiting user reads: Slurm's reason in plain words, the expected start, then what is happening."""
        last = None
        with self.life.queue.waiting():
            while True:
                event = progress.event(self.life, self.tag)
                if event != last:
                    yield event
                last = event
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self.life.queue.next(), 2)

    def current_job(self) -> Job | None:
        """This server's job in the last snapshot."""
        row = self.life.ledger.row(self.tag) if self.tag else None
        return self.life.jobs.listed(row) if row else None
