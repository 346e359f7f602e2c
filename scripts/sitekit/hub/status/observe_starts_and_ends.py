"""Observe starts and ends of servers in the ledger, for the metrics, until the hub ends."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable

from ..ledger.ledger_measures import Start
from ..servers.shared_objects import HubState
from . import metrics
from .summarize_servers import EXPECTED

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds


async def run(hub_state: HubState) -> None:
    """Observe the starts and ends in the ledger every few seconds. If the ledger cannot be read,
    the next run tries again."""
    since = time.time()
    while True:
        await asyncio.sleep(EVERY)
        now = time.time()
        try:
            observe_since(hub_state, since, now)
            since = now
        except Exception as trouble:
            log.warning("The metrics of servers could not be observed: %s", trouble)


def observe_since(hub_state: HubState, since: float, until: float = math.inf) -> None:
    """Record which jobs have begun, and update the metrics with the starts and ends after `since`,
    up to `until`.

    First, the time at which each job has begun is recorded, because a fast start can already be
    complete. Then all rows of the ledger are read before the first row is counted. Therefore, if
    reading the ledger fails, no row has been counted, and a later run counts each row only once. A
    row that causes an error is logged, and left out.
    """
    ledger = hub_state.ledger
    _each(ledger.not_begun(), lambda start: _record_began(hub_state, start))
    ready = [one for one in ledger.ready_since(since) if (one[1].ready or 0) <= until]
    ended = [one for one in ledger.ended_since(since) if (one[0].ended or 0) <= until]
    _each(ready, observe_start)
    _each(ended, _observe_end)


def _each(starts: Iterable[Start], observe: Callable[[Start], None]) -> None:
    """Call `observe` for each start. If `observe` fails for a start, the other starts are observed
    nevertheless."""
    for start in starts:
        try:
            observe(start)
        except Exception as trouble:
            log.warning("Start %s could not be observed: %s", start[0].tag, trouble)


def _record_began(hub_state: HubState, start: Start) -> None:
    """Record when the job of a start began to run, if it runs."""
    job = hub_state.job_of(start[0])
    if job and job.running and job.start:
        hub_state.ledger.record_began(start[0].tag, job.start)


def _observe_end(start: Start) -> None:
    """Count the end of a server if the culler has stopped the server, or if the server has
    failed."""
    row = start[0]
    kind = str(row.card.get("kind", "")) if row.card else ""
    if kind == "idle":
        metrics.CULLED.labels(row.choice.get("tier", "")).inc()
    elif kind and not (kind in EXPECTED and row.listening):
        metrics.FAILURES.labels(kind).inc()


def observe_start(start: Start) -> None:
    """Observe the phases of a server that has become ready.

    A phase can seem to have a negative duration, because Slurm's times are whole seconds of another
    clock.
    """
    row, measures = start
    ends = (row.intended, measures.submitted, measures.began, row.listening, measures.ready)
    for phase, begin, end in zip(metrics.PHASES, ends, ends[1:], strict=False):
        if begin is not None and end is not None:
            seconds = max(0.0, end - begin)
            metrics.START_PHASE.labels(phase).observe(seconds)
            if phase == "queue":
                metrics.QUEUE_WAIT.labels(row.choice.get("tier", "")).observe(seconds)
