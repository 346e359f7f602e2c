"""Compare the ledger (the hub's record of starts), Slurm's queue and JupyterHub, and correct
differences. The comparison runs at the hub's start, and then every five minutes. While a job has to
be found or cancelled, the comparison runs every five seconds.

If the ledger records that a start was given up, the reconciler cancels the start's job. If the hub
ended during a start, the reconciler cancels the start's job as soon as Slurm lists the job, or
records the start as ended if there is no job. If a job has this site's tag but no record in the
ledger, `make status` and `make doctor` report the job. The hub does not cancel such a job, because
the ledger itself may have been lost. The API tokens of ended servers are revoked.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ...backends.refresh_snapshot import Snapshot
from ...backends.start_and_job_records import Job, NoAnswer, Refused
from ..ledger.ledger import Row
from ..messages.ended_cards import card_of_ending
from ..servers.shared_objects import HubState
from ..status import metrics
from .check_loaded_spawners import spawners
from .pauses_between_cancels import Pauses

log = logging.getLogger(__name__)

# seconds between two comparisons, and between two checks whether a job has to be found or cancelled
# now
ROUND_INTERVAL, CHECK_INTERVAL = 300.0, 5.0
# The highest number of servers that one comparison handles. Each server needs queries of Slurm, and
# in some cases one call of sudo.
SERVERS_PER_ROUND = 20
STRAYS_LISTED = 100  # the highest number of jobs that list_stray_jobs() returns
DAY = 86400.0
# Seconds in which the spawner's stop() must have ended the server. After this time, the reconciler
# cancels the job.
STOP_TIME = 40.0
# The longest time in seconds that a server is allowed to take between the report of its end and the
# end of its job. During this time, JupyterHub counts the server as stopping, and does not stop the
# server by itself.
ENDING_TIMEOUT = 180.0


async def run(hub_state: HubState, backend: str) -> None:
    """Run reconcile() for a backend (such as Slurm) again and again, until the hub ends.

    If a run fails, the error is logged, and the loop continues with the next run.
    """
    last, pauses = float("-inf"), Pauses()
    while True:
        try:
            if hub_state.has_unsettled_starts(backend) or time.monotonic() - last >= ROUND_INTERVAL:
                await reconcile(hub_state, backend, pauses)
                last = time.monotonic()
        except Exception:
            JupyterHub.instance().db.rollback()  # all parts of the hub share this database session
            log.exception(
                "The ledger and %s could not be compared; trying again in %.0f s",
                backend,
                CHECK_INTERVAL,
            )
        await asyncio.sleep(CHECK_INTERVAL)


async def revoke_for_ever(hub_state: HubState) -> None:
    """Revoke the API tokens of servers that have ended, again and again, until the hub ends."""
    since = time.time() - DAY
    while True:
        try:
            now = time.time()
            revoke_tokens(hub_state, since)
            since = now - CHECK_INTERVAL
        except Exception:
            JupyterHub.instance().db.rollback()  # all parts of the hub share this database session
            log.exception(
                "Tokens of ended servers could not be revoked; trying again in %.0f s",
                CHECK_INTERVAL,
            )
        await asyncio.sleep(CHECK_INTERVAL)


async def reconcile(hub_state: HubState, name: str, pauses: Pauses) -> None:
    """Compare the ledger, the queue and JupyterHub once, and correct differences. Only the servers
    of one backend (such as Slurm) are compared. Does nothing while the backend does not answer.

    One run handles at most SERVERS_PER_ROUND servers. Because these servers are chosen at random,
    servers whose jobs cannot be cancelled do not delay others.
    """
    backend = hub_state.backends[name]
    snapshot = await backend.queue.newer()
    if not backend.queue.healthy:
        return
    loaded = set(tags_of_loaded_servers())
    unwatched = []
    for row in hub_state.ledger.open(name):
        stop_is_late = row.abandoned and time.time() - row.abandoned > STOP_TIME
        if row.tag not in loaded or stop_is_late:
            unwatched.append(row)
    backend.strays = list_stray_jobs(hub_state, snapshot)
    unsettled = [*unwatched, *hub_state.ledger.closed_with_live_job(snapshot)]
    metrics.ORPHANS.labels(name).set(len(unsettled))
    due = pauses.due(unsettled)
    for row in random.sample(due, min(SERVERS_PER_ROUND, len(due))):
        pauses.tried(row)
        await close_or_cancel(hub_state, row, pauses)
    metrics.ORPHANS_ENDED.inc(pauses.keep(unsettled))


def list_stray_jobs(hub_state: HubState, snapshot: Snapshot) -> list[str]:
    """Return the ids of jobs that have not ended, and whose comment has a tag (the id of a start)
    of this site, but that have no record in the ledger.

    The length of the list is limited, because any user can submit any number of jobs with such a
    tag.
    """
    alive = {tag: [job for job in jobs if not job.ended] for tag, jobs in snapshot.by_tag.items()}
    known = {row.tag for row in hub_state.ledger.rows_of(alive)}
    ids = [job.id for tag, jobs in alive.items() if tag not in known for job in jobs]
    return sorted(ids, key=lambda number: (len(number), number))[:STRAYS_LISTED]


def tags_of_loaded_servers() -> list[str]:
    """Return the tags (ids of starts) of servers that start, run or are being checked in
    JupyterHub.

    The result does not contain servers that reported their end more than ENDING_TIMEOUT ago, but
    have not ended.
    """
    children = [spawner.child_spawner for spawner in spawners() if spawner.child_spawner]
    late = time.monotonic() - ENDING_TIMEOUT
    return [child.tag for child in children if child.tag and not 0 < child.ending_since < late]


async def close_or_cancel(hub_state: HubState, row: Row, pauses: Pauses) -> None:
    """Handle one start in the ledger that JupyterHub does not manage, or has not stopped in time.

    If the job of this start is still pending or running, the job is cancelled. If Slurm reports
    that the job is gone, the start is recorded as ended. If Slurm does not answer, nothing is done.
    """
    try:
        job = await hub_state.backend_of(row).look_up(row)
    except NoAnswer:
        return
    if job and not job.ended:
        await cancel_job(hub_state, row, job, pauses)
    elif row.ended is None:
        card = None
        if row.job is not None and not row.abandoned:
            card = await card_of_ending(hub_state, row.tag, starting=not row.listening)
        hub_state.ledger.end(row.tag, card.as_dict() if card else None)


async def cancel_job(hub_state: HubState, row: Row, job: Job, pauses: Pauses) -> None:
    """Cancel the job of a server that JupyterHub does not manage any more.

    If the scheduler does not answer, a later run tries again.
    """
    if row.job is None:  # the hub never received the job's number; the job was found by its tag
        hub_state.ledger.record_job(row.tag, job.id)
    try:
        lives, trouble = await hub_state.backend_of(row).stop(row, job.id, graceful=False), ""
    except (Refused, NoAnswer) as refusal:
        why = " ".join(str(refusal).split())  # sudo and scancel can print several lines
        lives, trouble = True, f", which failed, and is tried again after growing pauses: {why}"
    if not lives:
        hub_state.ledger.end(row.tag)
    if not pauses.is_known(row):
        metrics.ORPHANS_FOUND.inc()
    if pauses.is_new_trouble(row, trouble):
        log.warning("Job %s of %s belongs to no server; cancelling it%s", job.id, row.user, trouble)


def revoke_tokens(hub_state: HubState, since: float) -> None:
    """Delete the API tokens of servers that ended after `since` (epoch seconds).

    JupyterHub itself deletes only tokens that it issued since its start (user.py, stop).
    """
    session: Any = JupyterHub.instance().db
    if hashes := hub_state.ledger.tokens_of_the_ended(since):
        for token in session.query(orm.APIToken).filter(orm.APIToken.hashed.in_(hashes)):
            session.delete(token)
        session.commit()
