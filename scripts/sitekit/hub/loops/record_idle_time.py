"""Record how many seconds each server has been idle in total, for `make report`.

The time of a server's last activity comes from JupyterHub, as for the culler. This module checks
all servers every five minutes. If the last activity of a server is older than ten minutes, the
module adds five minutes to the idle time of this server.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

from ..ledger.ledger import Ledger
from ..spawner.check_loaded_spawners import spawners
from ..spawner.tier_spawner import TierSpawner

EVERY = 300.0  # seconds between two counts
IDLE_AFTER = timedelta(minutes=10)


async def run(ledger: Ledger) -> None:
    """Count the idle time of all servers until the hub ends."""
    while True:
        await asyncio.sleep(EVERY)
        ledger.add_idle(idle_tags(spawners(), datetime.now(timezone.utc)), EVERY)


def idle_tags(found: list[TierSpawner], now: datetime) -> list[str]:
    """Return the tags (ids of starts) of the servers that run and have been without activity for
    long enough."""
    tags = []
    for spawner in found:
        child, last = spawner.child_spawner, spawner.orm_spawner.last_activity
        if not (child and child.tag and spawner.ready and last):
            continue
        # JupyterHub's database has UTC without a time zone
        if now - last.replace(tzinfo=timezone.utc) > IDLE_AFTER:
            tags.append(child.tag)
    return tags
