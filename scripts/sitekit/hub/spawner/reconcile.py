"""The reconciler: at hub start and every five minutes the ledger, Slurm's queue and JupyterHub are made to agree.

A job that the ledger has given up is cancelled; one whose start died with an earlier hub is closed or, when its job
turns up, cancelled; a job that carries this site's tag but stands in no ledger is reported and left alone, since the
ledger, not the job, may be what was lost. Tokens of servers that have ended are revoked.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ...backends.slurm import gate
from ...backends.slurm.command import Silent
from ...backends.slurm.parse import Job
from ...backends.slurm.queue import Snapshot
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import Life
from ..servers.ledger import Row
from .held import spawners
from .pauses import Pauses

log = logging.getLogger(__name__)

EVERY, SOON = 300.0, 5.0  # seconds between rounds: always, and while a job is still to be found or ended
AT_ONCE = 20  # servers that one round looks after: each may take a query or two, and a sudo
STRAYS_TOLD = 100  # jobs
DAY = 86400.0
STOPPING = 40.0  # seconds that a server's own stop(), which is gentler, is given before its job is ended from here
LEAVING = (
    180.0  # seconds that a server may take which says that it ends; to JupyterHub, which stops no such server, it does
)


async def run(life: Life) -> None:
    """Reconcile for ever. A round that fails is told and tried again; it never ends the hub."""
    last, ended_since, pauses = float("-inf"), time.time() - DAY, Pauses()
    while True:
        try:
            if life.doubtful() or time.monotonic() - last >= EVERY:
                await reconcile(life, pauses)
                last = time.monotonic()
            now = time.time()
            revoke_tokens(life, ended_since)
            ended_since = now - SOON
        except Exception:
            JupyterHub.instance().db.rollback()  # the session is everybody's
            log.exception("The ledger and Slurm could not be compared; trying again in %.0f s", SOON)
        await asyncio.sleep(SOON)


async def reconcile(life: Life, pauses: Pauses) -> None:
    """One round. Does nothing while the scheduler is silent. At most AT_ONCE servers are looked after, taken by lot, so
    that those that cannot be ended keep no others waiting."""
    snapshot = await life.queue.newer()
    if not life.queue.healthy:
        return
    held = set(held_tags())
    open_rows = life.ledger.open()
    unheld = [r for r in open_rows if r.tag not in held or (r.abandoned and time.time() - r.abandoned > STOPPING)]
    life.strays = strays(life, snapshot)
    unsettled = [*unheld, *life.ledger.closed_with_live_job(snapshot)]
    due = pauses.due(unsettled)
    for row in random.sample(due, min(AT_ONCE, len(due))):
        pauses.tried(row)
        await settle(life, row, pauses)
    pauses.keep(unsettled)
    life.jobs.forget_ended()


def strays(life: Life, snapshot: Snapshot) -> list[int]:
    """Live jobs with a tag of this site that stands in no ledger. Anybody can submit as many as he likes."""
    alive = {tag: [job for job in jobs if not job.ended] for tag, jobs in snapshot.by_tag.items()}
    known = {row.tag for row in life.ledger.rows_of(alive)}
    numbers = sorted(job.id for tag, jobs in alive.items() if tag not in known for job in jobs)
    return numbers[:STRAYS_TOLD]


def held_tags() -> list[str]:
    """The tags of the servers that JupyterHub holds at this moment, starting, running or being checked; without those
    that do not end as they said."""
    children = [spawner.child_spawner for spawner in spawners() if spawner.child_spawner]
    late = time.monotonic() - LEAVING
    return [child.tag for child in children if child.tag and not 0 < child.leaving < late]


async def settle(life: Life, row: Row, pauses: Pauses) -> None:
    """A start that nobody holds: find its job, end it if it lives, and close the row once Slurm says it is gone."""
    try:
        job = await life.jobs.find(row)
    except Silent:
        return
    if job and not job.ended:
        await end_job(life, row, job, pauses)
    elif row.ended is None:
        told = row.job is not None and not row.abandoned
        card = await card_of_ending(life, row.tag, starting=not row.listening) if told else None
        life.ledger.end(row.tag, card.as_dict() if card else None)


async def end_job(life: Life, row: Row, job: Job, pauses: Pauses) -> None:
    """Cancel the job of a server that nobody holds. A scheduler that is silent is asked again next time."""
    if row.job is None:  # its number was never learnt; its tag says whose it is
        life.ledger.submitted(row.tag, job.id)
    try:
        lives, trouble = await gate.cancel(life.site, row.user, job.id, row.owns, graceful=False), ""
    except (gate.Refused, Silent) as refusal:
        why = " ".join(str(refusal).split())  # sudo and scancel may have said several lines
        lives, trouble = True, f", which fails, and is tried again less and less often: {why}"
    if not lives:
        life.ledger.end(row.tag)
    if pauses.is_news(row, trouble):
        log.warning("Job %d of %s is held by no server; cancelling it%s", job.id, row.user, trouble)


def revoke_tokens(life: Life, since: float) -> None:
    """Delete the API tokens of the servers that ended `since` then; JupyterHub knows only those that it gave out itself
    since it started (user.py, stop)."""
    session: Any = JupyterHub.instance().db
    if hashes := life.ledger.tokens_of_the_ended(since):
        for token in session.query(orm.APIToken).filter(orm.APIToken.hashed.in_(hashes)):
            session.delete(token)
        session.commit()
