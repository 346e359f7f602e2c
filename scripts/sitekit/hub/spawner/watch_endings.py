"""Make JupyterHub notice the end of a server as soon as the backend (such as Slurm) lists its job
as ended.

JupyterHub's own poll would notice the end later, and until then the proxy would send users to a
node where nothing listens.
"""

from __future__ import annotations

import asyncio

from ...backends.interface import Backend
from .check_loaded_spawners import spawners
from .server_spawner import Server
from .tier_spawner import TierSpawner

AT_ONCE = 4
"""The highest number of servers whose end is handled at the same time."""


async def run(backend: Backend) -> None:
    """Look for ended servers in each new list of jobs of a backend, until the hub ends.

    Only a few servers are handled at a time, because each server needs queries, and because the
    epilog of its job takes some seconds.
    """
    while True:
        await backend.queue.next()
        found = ended_servers(backend)
        for at in range(0, len(found), AT_ONCE):
            group = found[at : at + AT_ONCE]
            await asyncio.gather(*(spawner.poll_and_notify() for spawner in group))


def ended_servers(backend: Backend) -> list[TierSpawner]:
    """Return the backend's servers that have ended, but that JupyterHub still counts as running.

    The backend's last list of jobs shows the job of each of these servers as ended.
    """
    ended = backend.queue.snapshot.ended
    # current_job() reads the ledger. Therefore, current_job() is called only for servers whose job
    # is possibly among the ended jobs.
    own = [(spawner, spawner.child_spawner) for spawner in spawners() if spawner.child_spawner]
    own = [(spawner, child) for spawner, child in own if not ended.isdisjoint(jobs_of(child))]
    up = [(spawner, child) for spawner, child in own if spawner.ready or is_ending(spawner)]
    jobs = [(spawner, child.current_job()) for spawner, child in up if child.backend is backend]
    return [spawner for spawner, job in jobs if job and job.ended]


def jobs_of(child: Server) -> tuple[str, str]:
    """Return the tag and the id by which a snapshot contains a server's job (Snapshot.job_of)."""
    return child.tag, child.job_id


def is_ending(spawner: TierSpawner) -> bool:
    """Return whether the server ends for another reason than a stop by JupyterHub."""
    child = spawner.child_spawner
    return child is not None and child.ending_since > 0 and not spawner._stop_pending
