"""Why a job of Slurm's waits, and for how long, in sentences for the person who waits."""

from __future__ import annotations

import time

from ...site.units import human_time
from ..choice import Choice
from .forecast import Forecast
from .parse import SlurmJob
from .reasons import explain


def explain_wait(job: SlurmJob, choice: Choice, forecast: Forecast) -> str:
    """From the last snapshot and the last forecast alone."""
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
    if start is None:
        return "Expected start: unknown."
    left = start - time.time()
    if left < 45:
        return "Expected start: any moment."
    return f"Expected start: in about {human_time(max(60, round(left / 60) * 60))}."
