"""The reconciler: at hub start and every five minutes the ledger, Slurm's queue and JupyterHub are
made to agree.

A job that the ledger has given up is cancelled; one whose start died with an earlier hub is closed
or, when its job turns up, cancelled; a job that carries this site's tag but stands in no ledger is
reported and left alone, since the ledger, not the job, may be what was lost. Tokens of servers that
have ended are revoked.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ...backends.interface import Job, NoAnswer, Refused
from ...backends.snapshot import Snapshot
from ..messages.ended_cards import card_of_ending
from ..servers.hub_state import Life
from ..servers.ledger import Row
from .held import spawners
from .pauses import Pauses

log = logging.getLogger(__name__)

# seconds between rounds: always, and while a job is still to be found or ended
EVERY, SOON = 300.0, 5.0
AT_ONCE = 20  # servers that one round looks after: each may take a query or two, and a sudo
STRAYS_TOLD = 100  # jobs
DAY = 86400.0
# seconds that a server's own stop(), which is gentler, is given before its job is ended from here
STOPPING = 40.0
LEAVING = (
    # seconds that a server may take which says that it ends; to JupyterHub, which stops no such
    # server, it does
    180.0
)


async def run(life: Life, backend: str) -> None:
    """Reconcile the servers of a backend, for ever. A round that fails is logged and tried again."""
    last, pauses = float("-inf"), Pauses()
    while True:
        try:
            if life.doubtful(backend) or time.monotonic() - last >= EVERY:
                await reconcile(life, backend, pauses)
                last = time.monotonic()
        except Exception:
            JupyterHub.instance().db.rollback()  # the session is everybody's
            log.exception(
                "The ledger and %s could not be compared; trying again in %.0f s", backend, SOON
            )
        await asyncio.sleep(SOON)


async def revoke_for_ever(life: Life) -> None:
    """Revoke the tokens of servers that have ended, for ever."""
    since = time.time() - DAY
    while True:
        try:
            now = time.time()
            revoke_tokens(life, since)
            since = now - SOON
        except Exception:
            JupyterHub.instance().db.rollback()  # the session is everybody's
            log.exception(
                "Tokens of ended servers could not be revoked; trying again in %.0f s", SOON
            )
        await asyncio.sleep(SOON)


async def reconcile(life: Life, name: str, pauses: Pauses) -> None:
    """One round for one backend. Does nothing while it does not answer. At most AT_ONCE servers are
    looked after, taken by lot, so that those that cannot be ended keep no others waiting."""
    backend = life.backends[name]
    snapshot = await backend.queue.newer()
    if not backend.queue.healthy:
        return
    held = set(held_tags())
    open_rows = life.ledger.open(name)
    unheld = [
        r
        for r in open_rows
        if r.tag not in held or (r.abandoned and time.time() - r.abandoned > STOPPING)
    ]
    backend.strays = strays(life, snapshot)
    unsettled = [*unheld, *life.ledger.closed_with_live_job(snapshot)]
    due = pauses.due(unsettled)
    for row in random.sample(due, min(AT_ONCE, len(due))):
        pauses.tried(row)
        await settle(life, row, pauses)
    pauses.keep(unsettled)


def strays(life: Life, snapshot: Snapshot) -> list[str]:
    """Live jobs with a tag of this site that stands in no ledger. Anybody can submit as many as he
    likes."""
    alive = {tag: [job for job in jobs if not job.ended] for tag, jobs in snapshot.by_tag.items()}
    known = {row.tag for row in life.ledger.rows_of(alive)}
    ids = [job.id for tag, jobs in alive.items() if tag not in known for job in jobs]
    return sorted(ids, key=lambda number: (len(number), number))[:STRAYS_TOLD]


def held_tags() -> list[str]:
    """The tags of the servers that JupyterHub holds at this moment, starting, running or being
    checked; without those that do not end as they said."""
    children = [spawner.child_spawner for spawner in spawners() if spawner.child_spawner]
    late = time.monotonic() - LEAVING
    return [child.tag for child in children if child.tag and not 0 < child.leaving < late]


async def settle(life: Life, row: Row, pauses: Pauses) -> None:
    """A start that nobody holds: find its job, end it if it lives, and close the row once Slurm
    says it is gone."""
    try:
        job = await life.backend_of(row).look_up(row)
    except NoAnswer:
        return
    if job and not job.ended:
        await end_job(life, row, job, pauses)
    elif row.ended is None:
        told = row.job is not None and not row.abandoned
        card = await card_of_ending(life, row.tag, starting=not row.listening) if told else None
        life.ledger.end(row.tag, card.as_dict() if card else None)


async def end_job(life: Life, row: Row, job: Job, pauses: Pauses) -> None:
    """Cancel the job of a server that nobody holds. A scheduler that is silent is asked again next
    time."""
    if row.job is None:  # its number was never learnt; its tag says whose it is
        life.ledger.submitted(row.tag, job.id)
    try:
        lives, trouble = await life.backend_of(row).stop(row, job.id, graceful=False), ""
    except (Refused, NoAnswer) as refusal:
        why = " ".join(str(refusal).split())  # sudo and scancel may have said several lines
        lives, trouble = True, f", which fails, and is tried again less and less often: {why}"
    if not lives:
        life.ledger.end(row.tag)
    if pauses.is_news(row, trouble):
        log.warning("Job %s of %s is held by no server; cancelling it%s", job.id, row.user, trouble)


def revoke_tokens(life: Life, since: float) -> None:
    """Delete the API tokens of the servers that ended `since` then; JupyterHub knows only those
    that it gave out itself since it started (user.py, stop)."""
    session: Any = JupyterHub.instance().db
    if hashes := life.ledger.tokens_of_the_ended(since):
        for token in session.query(orm.APIToken).filter(orm.APIToken.hashed.in_(hashes)):
            session.delete(token)
        session.commit()
