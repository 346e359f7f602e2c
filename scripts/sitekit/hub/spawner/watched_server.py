"""Keep a server's state, and find out from its backend whether its job lives.

A server that does not answer is not taken for ended: only the backend can report that.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.spawner import Spawner

from ...backends.interface import Backend, Job, NoAnswer
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import HubState
from ..servers.ledger import Row


class WatchedServer(Spawner):
    """One server's state, and its job as the backend knows it."""

    hub_state: HubState
    backend_name = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.tag = ""
        self.job_id = ""
        self.address = ""  # of its host, once the backend has returned it
        self.ending_since = (
            0.0  # when the server reported its end, by the monotonic clock; 0: not yet
        )

    @property
    def backend(self) -> Backend:
        """Return the backend that runs the server."""
        return self.hub_state.backends[self.backend_name]

    def row(self) -> Row | None:
        """Return the server's row in the ledger; None before its first start."""
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
        # the ledger is written first; after a crash it may know more than JupyterHub's database
        if row := self.row():
            self.job_id, self.backend_name = row.job or "", row.backend
        self.hub_state.record_address(self.tag, self.address)

    def clear_state(self) -> None:
        super().clear_state()
        self.hub_state.addresses.pop(self.tag, None)
        self.tag, self.job_id, self.address, self.ending_since = "", "", "", 0.0

    async def job(self) -> Job | None:
        """Return the job as the backend knows it; None if the backend reports that it is gone.

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

        A backend that does not answer ends no server.
        """
        try:
            job = await self.job()
        except NoAnswer:
            return False
        return job is None or job.ended

    async def poll(self) -> int | None:
        """Return 1 if the backend reports that the job has ended, else None.

        None also means that the backend does not answer.
        """
        try:
            return await self._poll()
        except Exception:
            # if poll() fails, JupyterHub takes the server for gone (app.py, check_spawner)
            self.log.exception(
                "Could not find out whether the server of %s runs; it is kept", self.user.name
            )
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
        """Return the job in the last snapshot."""
        row = self.row()
        return self.hub_state.job_of(row) if row else None
