"""The reconciler: at hub start and every five minutes the ledger, Slurm's queue and JupyterHub are made to agree.

A job that the ledger has given up is cancelled; one whose start died with an earlier hub is closed or, when its job
turns up, cancelled; a job that carries this site's tag but stands in no ledger is reported and left alone, since the
ledger, not the job, may be what was lost. Tokens of servers that have ended are revoked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ..slurm import gate
from ..slurm.inquiry import gone
from ..slurm.say import Silent
from .cards import card_of_ending
from .ledger import Row
from .life import Life

log = logging.getLogger(__name__)

EVERY, SOON = 300.0, 15.0  # seconds between rounds: always, and while a job is still to be found or ended
DOUBT = 120.0  # seconds after which an unnumbered start whose job Slurm does not list never had one


async def run(life: Life) -> None:
    """Reconcile for ever. A round that fails is told and tried again; it never ends the hub."""
    await asyncio.sleep(5)  # JupyterHub looks after the servers in its database first
    last = float("-inf")
    while True:
        if life.doubtful() or time.monotonic() - last >= EVERY:
            try:
                await reconcile(life)
                last = time.monotonic()
            except Exception:
                log.exception("The ledger and Slurm could not be compared; trying again in %.0f s", SOON)
        await asyncio.sleep(SOON)


async def reconcile(life: Life) -> None:
    """One round. Does nothing while the scheduler is silent."""
    snapshot = await life.queue.newer()
    if not life.queue.healthy:
        return
    held = set(held_tags())
    for row in life.ledger.open():
        if row.tag not in held or row.abandoned:
            await settle(life, row)
    known = {row.tag for row in life.ledger.open()}
    life.strays = [
        job.id
        for job in snapshot.jobs.values()
        if job.tag and not job.ended and job.tag not in known and life.ledger.row(job.tag) is None
    ]
    for row in life.ledger.closed_with_live_job(snapshot):
        await end_job(life, row)
    revoke_tokens(life)


def held_tags() -> list[str]:
    """The tags of the servers that JupyterHub holds at this moment, starting, running or being checked."""
    users = JupyterHub.instance().users
    spawners = [spawner for user in users.values() for spawner in user.spawners.values()]
    return [s.child_spawner.tag for s in spawners if getattr(s, "child_spawner", None) and s.child_spawner.tag]


async def settle(life: Life, row: Row) -> None:
    """A start that nobody holds: find its job, end it if it lives, and close the row once Slurm says it is gone."""
    job = life.job(row.tag, row.job)
    if job and not job.ended:
        if row.job is None:
            life.ledger.submitted(row.tag, job.id)
        await end_job(life, life.ledger.row(row.tag) or row)
    elif job or (row.job and await gone(life.site, row.job)):
        card = (
            None if row.abandoned and row.listening else await card_of_ending(life, row.tag, starting=not row.listening)
        )
        life.ledger.end(row.tag, card.as_dict() if card else None)
    elif row.job is None and time.time() - row.intended > DOUBT:
        life.ledger.end(row.tag)


async def end_job(life: Life, row: Row) -> None:
    """Cancel the job of a server that nobody holds. A scheduler that is silent is asked again next time."""
    if row.job is None:
        return
    log.warning("Job %d of %s is held by no server; cancelling it", row.job, row.user)
    try:
        await gate.cancel(life.site, row.user, row.job, graceful=False)
    except (gate.Refused, Silent) as trouble:
        log.warning("Job %d of %s is still to be cancelled: %s", row.job, row.user, trouble)


def revoke_tokens(life: Life) -> None:
    """Delete the API tokens of ended servers; JupyterHub forgets those of servers that died while it was down."""
    session: Any = JupyterHub.instance().db
    for token in session.query(orm.APIToken).filter(orm.APIToken.hashed.in_(life.ledger.tokens_of_the_ended())):
        session.delete(token)
    session.commit()
