"""Servers that have ended: noticed with the snapshot that tells of it, not at JupyterHub's own next poll.

Until JupyterHub knows, the proxy sends their users to a node where nothing listens any more.
"""

from __future__ import annotations

from ..servers.hub_state import Life
from .held import spawners
from .tier_spawner import TierSpawner


async def run(life: Life) -> None:
    """Look at every snapshot, for ever. One server after the other: how each ended is asked of Slurm."""
    while True:
        await life.queue.next()
        for spawner in ended(life):
            await spawner.poll_and_notify()


def ended(life: Life) -> list[TierSpawner]:
    """The servers that JupyterHub takes for running, and whose jobs the last snapshot lists as ended."""
    up = [spawner for spawner in spawners() if spawner.ready or is_leaving(spawner)]
    jobs = [(spawner, spawner.child_spawner.current_job()) for spawner in up if spawner.child_spawner]
    return [spawner for spawner, job in jobs if job and job.ended]


def is_leaving(spawner: TierSpawner) -> bool:
    """Whether its server ends by its own account, and nobody has stopped it."""
    child = spawner.child_spawner
    return child is not None and child.leaving > 0 and not spawner._stop_pending
