"""A server's state, and whether its job lives: by its backend's snapshot, never by its silence."""

from __future__ import annotations

from typing import Any

from jupyterhub.spawner import Spawner

from ...backends.interface import Backend, Job, NoAnswer
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import Life
from ..servers.ledger import Row


class WatchedServer(Spawner):
    """One server's state, and its job as the backend knows it."""

    life: Life
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
