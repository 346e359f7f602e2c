"""Make JupyterHub notice the end of a server as soon as the backend (such as Slurm) lists its job
as ended.

JupyterHub's own poll would notice the end later, and meanwhile the proxy would send users to a node
where nothing listens.
"""

from __future__ import annotations

from ...backends.interface import Backend
from .loaded_spawners import spawners
from .tier_spawner import TierSpawner


async def run(backend: Backend) -> None:
    """Look for ended servers in each new list of jobs of a backend, until the hub ends.

    Servers are handled one after the other, because each server needs one or two queries.
    """
    while True:
        await backend.queue.next()
        for spawner in ended(backend):
            await spawner.poll_and_notify()


def ended(backend: Backend) -> list[TierSpawner]:
    """Return the backend's servers that have ended, but that JupyterHub still counts as running.

    The backend's last list of jobs shows the job of each of these servers as ended.
    """
    up = [spawner for spawner in spawners() if spawner.ready or is_ending(spawner)]
    own = [(spawner, spawner.child_spawner) for spawner in up if spawner.child_spawner]
    jobs = [(spawner, child.current_job()) for spawner, child in own if child.backend is backend]
    return [spawner for spawner, job in jobs if job and job.ended]


def is_ending(spawner: TierSpawner) -> bool:
    """Return whether the server ends by itself, without a stop from JupyterHub."""
    child = spawner.child_spawner
    return child is not None and child.ending_since > 0 and not spawner._stop_pending
