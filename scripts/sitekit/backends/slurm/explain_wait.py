"""Write the sentences for a user about why the server's job waits, and for how long."""

from __future__ import annotations

import time

from ...site.memory_and_time import human_time
from ..resource_choice import Choice
from .forecast import Forecast
from .parse_jobs import SlurmJob
from .pending_reasons import explain


def explain_wait(job: SlurmJob, choice: Choice, forecast: Forecast) -> str:
    """Return the sentences about the wait, from the last snapshot and the last forecast only."""
    sentences = [f"Job {job.id} waits in {job.partition}.", explain(job.reason)]
    if ahead := forecast.ahead(job):
        sentences.append(
            "One job is ahead of it." if ahead == 1 else f"{ahead} jobs are ahead of it."
        )
    sentences.append(_expected(job.start))
    if tier := forecast.sooner(job, choice):
        sentences.append(f'The tier "{tier.title}" would start sooner.')
    return " ".join(sentences)


def _expected(start: int | None) -> str:
    """Return a sentence about the expected start of the job."""
    if start is None:
        return "Expected start: unknown."
    left = start - time.time()
    if left < 45:
        return "Expected start: any moment."
    return f"Expected start: in about {human_time(max(60, round(left / 60) * 60))}."
