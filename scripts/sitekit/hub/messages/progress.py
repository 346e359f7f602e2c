"""Write the text that a waiting user reads on the progress page.

The text comes from the last snapshot (list of all jobs) and the last forecast of expected starts.
No query of the scheduler is started to write the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from ...backends.interface import Backend
from ...backends.job import Job
from ...backends.resource_choice import Choice
from ...site.memory_and_time import human_time
from ..servers.hub_state import HubState
from ..servers.ledger import Row

# seconds between a job's start and its server's callback, above which something may be wrong
LATE = 90
OUTAGE = (
    "{title} does not answer; running servers are not affected. "
    "Your request is kept, and continues when it answers again."
)


async def events(hub_state: HubState, backend: Backend, tag: str) -> AsyncIterator[dict[str, Any]]:
    """Yield a progress event whenever the progress of the start with this tag changes. The events
    describe why the job waits, when the job is expected to start, and then each step of the
    server's start.
    """
    last = None
    while True:
        current = event(hub_state, tag)
        if current != last:
            yield current
        last = current
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(backend.queue.next(), 2)


def event(hub_state: HubState, tag: str) -> dict[str, Any]:
    """Return JupyterHub's progress event for the server start with this tag."""
    row = hub_state.ledger.row(tag)
    if row is None or row.job is None:
        outage = ""
        if hub_state.outage:
            outage = "The scheduler does not answer; running servers are not affected. "
        title = hub_state.backend_of(row).title if row else "the scheduler"
        return {"progress": 5, "message": f"{outage}Sending the request to {title}."}
    if row.port:
        return {"progress": 95, "message": f"Your server listens (job {row.job}); opening it."}
    queue = hub_state.backend_of(row).queue
    if queue.silent_since is not None:
        return {"progress": 20, "message": OUTAGE.format(title=queue.title)}
    return _of_the_job(hub_state, row)


def _of_the_job(hub_state: HubState, row: Row) -> dict[str, Any]:
    """Return the progress event for a start whose job the backend has accepted."""
    backend, job = hub_state.backend_of(row), hub_state.job_of(row)
    if job is None:
        return {
            "progress": 15,
            "message": f"{backend.title} has accepted the request as job {row.job}.",
        }
    if job.pending:
        return {"progress": 25, "message": backend.explain_wait(job, Choice.from_dict(row.choice))}
    if job.suspended:
        return {
            "progress": 50,
            "message": f"Job {job.id} is suspended; it continues when {backend.title} resumes it.",
        }
    where = f"runs on {job.host}" if job.host else "runs"
    return {
        "progress": 60,
        "message": f"Job {job.id} {where}; your server is starting there.{_late(job)}",
    }


def _late(job: Job) -> str:
    """Return a hint if the job has been running for long and its server has not called the hub."""
    seconds = time.time() - (job.start or time.time())
    if seconds < LATE:
        return ""
    since = human_time(round(seconds / 60) * 60)
    return f" It has not reached the hub for {since}: the node is slow, or cannot connect to the hub's address."
