"""What a waiting user reads on the progress page, from the last snapshot and the last forecast alone."""

from __future__ import annotations

import time
from typing import Any

from ...backends.slurm.parse import Job
from ...backends.slurm.reasons import explain
from ...site.units import human_time
from ..servers.hub_state import Life
from ..servers.ledger import Row

LATE = 90  # seconds between a job's start and its server's first word, above which something may be wrong
OUTAGE = (
    "The scheduler does not answer; running servers are not affected. Your request is kept and goes on when it is back."
)


def event(life: Life, tag: str) -> dict[str, Any]:
    """A progress event of JupyterHub's form for the server start with this tag."""
    row = life.ledger.row(tag)
    if row is None or row.job is None:
        silence = "The scheduler does not answer; running servers are not affected. "
        return {
            "progress": 5,
            "message": ("" if life.queue.silent_since is None else silence) + "Asking Slurm for a place.",
        }
    if row.port:
        return {"progress": 95, "message": f"Your server listens (job {row.job}); opening it."}
    if life.queue.silent_since is not None:
        return {"progress": 20, "message": OUTAGE}
    return _of_the_job(life, row)


def _of_the_job(life: Life, row: Row) -> dict[str, Any]:
    job = life.jobs.listed(row)
    if job is None:
        return {"progress": 15, "message": f"Slurm has taken the request as job {row.job}."}
    if job.pending:
        return {"progress": 25, "message": _pending(life, job, row.choice)}
    if job.suspended:
        return {"progress": 50, "message": f"Job {job.id} is suspended; it goes on when Slurm resumes it."}
    return {"progress": 60, "message": f"Job {job.id} runs on {job.host}; your server is starting there.{_late(job)}"}


def _late(job: Job) -> str:
    """What to think of a server that has been running for long without a word to the hub."""
    seconds = time.time() - (job.start or time.time())
    if seconds < LATE:
        return ""
    since = human_time(round(seconds / 60) * 60)
    return f" It has not reached the hub for {since}: the node is slow, or cannot connect to the hub's address."


def _pending(life: Life, job: Job, asked: dict[str, Any]) -> str:
    said = [f"Job {job.id} waits in {job.partition}.", explain(job.reason)]
    if ahead := life.forecast.ahead(job):
        said.append("One job is ahead of it." if ahead == 1 else f"{ahead} jobs are ahead of it.")
    said.append(_expected(job.start))
    if tier := life.forecast.sooner(job, asked):
        said.append(f'The tier "{tier.title}" would start sooner.')
    return " ".join(said)


def _expected(start: int | None) -> str:
    if start is None:
        return "Expected start: unknown."
    left = start - time.time()
    return (
        "Expected start: any moment."
        if left < 45
        else f"Expected start: in about {human_time(max(60, round(left / 60) * 60))}."
    )
