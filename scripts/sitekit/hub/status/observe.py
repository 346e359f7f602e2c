"""Observe starts and ends of servers in the ledger, for the metrics, until the hub ends."""

from __future__ import annotations

import asyncio
import logging
import time

from ..servers.hub_state import HubState
from ..servers.ledger_measures import Start
from . import metrics
from .servers import EXPECTED

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds


async def run(hub_state: HubState) -> None:
    """Look into the ledger every few seconds. If it cannot be read, the next round tries again."""
    since = time.time()
    while True:
        await asyncio.sleep(EVERY)
        now = time.time()
        try:
            look(hub_state, since)
            since = now
        except Exception as trouble:
            log.warning("The metrics of servers could not be observed: %s", trouble)


def look(hub_state: HubState, since: float) -> None:
    """Record which jobs have begun, and observe the starts and ends after `since`."""
    for row, measures in hub_state.ledger.measured():
        job = hub_state.job_of(row) if measures.began is None else None
        if job and job.running and job.start:
            hub_state.ledger.record_began(row.tag, job.start)
    for start in hub_state.ledger.ready_since(since):
        observe_start(start)
    for row, _ in hub_state.ledger.ended_since(since):
        kind = str(row.card.get("kind", "")) if row.card else ""
        if kind == "idle":
            metrics.CULLED.labels(row.choice.get("tier", "")).inc()
        elif kind and not (kind in EXPECTED and row.listening):
            metrics.FAILURES.labels(kind).inc()


def observe_start(start: Start) -> None:
    """Observe the phases of a server that has become ready.

    Slurm's times are whole seconds of another clock, so that a phase can seem to be negative.
    """
    row, measures = start
    ends = (row.intended, measures.submitted, measures.began, row.listening, measures.ready)
    for phase, begin, end in zip(metrics.PHASES, ends, ends[1:], strict=False):
        if begin is not None and end is not None:
            seconds = max(0.0, end - begin)
            metrics.START_PHASE.labels(phase).observe(seconds)
            if phase == "queue":
                metrics.QUEUE_WAIT.labels(row.choice.get("tier", "")).observe(seconds)
