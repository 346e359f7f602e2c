"""Servers that have ended: noticed with the snapshot that tells of it, not at JupyterHub's own next
poll.

Until JupyterHub knows, the proxy sends their users to a node where nothing listens any more.
"""

from __future__ import annotations

from ...backends.interface import Backend
from .held import spawners
from .tier_spawner import TierSpawner


async def run(backend: Backend) -> None:
    """Look at every snapshot of a backend, for ever. Servers are handled one by one: each takes a
    query or two."""
    while True:
        await backend.queue.next()
        for spawner in ended(backend):
            await spawner.poll_and_notify()


def ended(backend: Backend) -> list[TierSpawner]:
    """The backend's servers that JupyterHub takes for running, and whose jobs the last snapshot
    lists as ended."""
    up = [spawner for spawner in spawners() if spawner.ready or is_leaving(spawner)]
    own = [(spawner, spawner.child_spawner) for spawner in up if spawner.child_spawner]
    jobs = [(spawner, child.current_job()) for spawner, child in own if child.backend is backend]
    return [spawner for spawner, job in jobs if job and job.ended]


def is_leaving(spawner: TierSpawner) -> bool:
    """Whether its server ends by its own account, and nobody has stopped it."""
    child = spawner.child_spawner
    return child is not None and child.leaving > 0 and not spawner._stop_pending
