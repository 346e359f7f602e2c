"""Write the text that a waiting user reads on the progress page.

The text comes from the last list of all jobs and the last forecast of expected starts. This module
sends no query to the scheduler.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection
from typing import Any

from ...backends.interface import Backend
from ...backends.start_and_job_records import Job
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site.types.memory_and_time import human_time
from ..ledger.ledger import Row
from ..servers.shared_objects import HubState
from .waiting import describe_wait

PHASES = {
    "check": N_("Check what you may use"),
    "submit": N_("Send the request"),
    "queue": N_("Wait for free resources"),
    "start": N_("Start on the node"),
    "open": N_("Open the server"),
}
"""The phases of a start, from the first to the last, with their titles on the progress page."""
# If a server has not reported its port to the hub within this number of seconds after the start of
# its job, the page shows a hint about the possible reasons.
LATE = 90
OUTAGE = N_(
    "{title} does not answer; running servers are not affected. "
    "Your request is kept, and continues when it answers again."
)
FIRST = {
    "progress": 2,
    "phase": "check",
    "message": N_("Reading which resources you may use on this cluster."),
}
"""The progress event for a start that is not yet in the ledger."""


async def events(
    hub_state: HubState, backend: Backend, tag: str, offered: Collection[str] | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield a progress event for the server start with this tag (id) whenever the event has
    changed.

    The events describe why the job waits, when it is expected to start, and then each step of the
    server's start. The argument `offered` contains the keys of the tiers that the user may choose,
    if the keys are known.
    """
    last = None
    while True:
        current = event(hub_state, tag, offered)
        if current != last:
            yield current
        last = current
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(backend.queue.next(), 2)


def event(hub_state: HubState, tag: str, offered: Collection[str] | None = None) -> dict[str, Any]:
    """Return JupyterHub's progress event for the server start with this tag (id).

    The event contains JupyterHub's own keys and the key `phase`. For a waiting job, the event also
    contains the keys that WaitingServer.as_dict returns.
    """
    row = hub_state.ledger.row(tag)
    if row is None or row.job is None:
        outage = ""
        if hub_state.outage:
            outage = _("The scheduler does not answer; running servers are not affected.") + " "
        title = hub_state.backend_of(row).title if row else _("the scheduler")
        return _event(5, "submit", outage + _("Sending the request to {title}.", title=title))
    if row.port:
        listens = _("Your server listens (job {job}); opening it.", job=row.job)
        return _event(95, "open", listens)
    queue = hub_state.backend_of(row).queue
    if queue.silent_since is not None:
        return _event(20, "queue", _(OUTAGE, title=queue.title))
    return _of_the_job(hub_state, row, offered)


def _event(progress: int, phase: str, message: str) -> dict[str, Any]:
    return {"progress": progress, "phase": phase, "message": message}


def _of_the_job(hub_state: HubState, row: Row, offered: Collection[str] | None) -> dict[str, Any]:
    """Return the progress event for a start whose job the backend has accepted."""
    backend, job = hub_state.backend_of(row), hub_state.job_of(row)
    if job is None:
        accepted = _(
            "{title} has accepted the request as job {job}.", title=backend.title, job=row.job
        )
        return _event(15, "queue", accepted)
    if job.pending:
        wait = describe_wait(hub_state, row, job, offered)
        return _event(25, "queue", wait.text) | wait.as_dict()
    if job.suspended:
        text = _(
            "Job {job} is suspended; it continues when {title} resumes it.",
            job=job.id,
            title=backend.title,
        )
        return _event(50, "start", text)
    text = _("Job {job} runs; your server is starting there.", job=job.id)
    if job.host:
        text = _(
            "Job {job} runs on {node}; your server is starting there.", job=job.id, node=job.host
        )
    return _event(60, "start", text + _late(job))


def _late(job: Job) -> str:
    """Return a hint for a server that has not reported its port to the hub, if its job has been
    running for more than LATE seconds; otherwise return ""."""
    seconds = time.time() - (job.start or time.time())
    if seconds < LATE:
        return ""
    since = human_time(round(seconds / 60) * 60)
    return " " + _(
        "It has not reached the hub for {time}: the node is slow, or cannot connect to the hub's "
        "address.",
        time=since,
    )
