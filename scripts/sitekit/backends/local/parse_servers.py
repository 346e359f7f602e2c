"""Convert the list of servers from the local gate (the root-owned program that starts them) to
jobs, and store the last list."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from ...site import Site
from ..refresh_snapshot import SnapshotLoop
from ..start_and_job_records import Cause, Ending, Job, Phase
from . import gate_client

PHASES = {phase.value: phase for phase in Phase}


class Servers(SnapshotLoop):
    """The last list of the servers that run on Docker or on systemd."""

    def __init__(self, site: Site, engine: str, title: str) -> None:
        super().__init__()
        self.title, self._site, self._engine = title, site, engine

    async def read(self) -> Mapping[str, Job]:
        """Query the local gate for the site's servers on this engine. Raises NoAnswer."""
        found = await gate_client.servers(self._site, self._engine)
        return {job.id: job for job in map(job_of, found)}


def job_of(one: Mapping[str, Any]) -> Job:
    """Convert a server of the local gate's list to a job. The last part of the server's name is the
    tag, which identifies this start of the server."""
    name, state = str(one["job"]), str(one["state"])
    return Job(
        id=name,
        uid=one["uid"],
        user=str(one["account"]),
        phase=PHASES.get(state, Phase.UNKNOWN),
        state=state,
        host=str(one["host"]),
        start=one["started"] or None,
        tag=name.rpartition("-")[2],
    )


def ending_of(one: Mapping[str, Any]) -> Ending | None:
    """Return how a server ended; None if the server has not ended."""
    if one["state"] != Phase.ENDED.value:
        return None
    return Ending(
        job=str(one["job"]),
        cause=cause_of(one),
        exit_code=one["exit_code"],
        signal=one["signal"],
        elapsed=one["elapsed"],
        limit=one["limit"],
        peak_memory=one["peak"],
        owner=one["uid"],
    )


def cause_of(one: Mapping[str, Any]) -> Cause:
    """Return why a server ended. The cause is MEMORY only if Linux has killed the server itself,
    because the server continues if Linux kills only a kernel."""
    if one["oom"] and one["signal"] == signal.SIGKILL:
        return Cause.MEMORY
    if one["elapsed"] is not None and one["elapsed"] >= one["limit"]:
        return Cause.TIME
    return Cause.FAILED if one["exit_code"] or one["signal"] else Cause.COMPLETED
