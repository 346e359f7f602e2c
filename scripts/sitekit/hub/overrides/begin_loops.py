"""The hub's loops, and when they begin: once JupyterHub has its users, with our spawner for each.

JupyterHub makes its table of users when something first reads it, with the settings of that moment
(app.py, _users_default). If that is while the hub still starts, the table has no spawner class for
as long as the hub lives: every server is a LocalProcessSpawner's, and each that runs is taken for
stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from jupyterhub.app import JupyterHub

from ..spawner.held import check_class, spawners

log = logging.getLogger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]


def begin_with_users(loops: Mapping[str, Loop], first: Callable[[], object]) -> None:
    """Start the loops when JupyterHub turns to the servers in its database (app.py, init_spawners).

    By then its users and settings are complete. It makes every spawner before it first waits, so
    that the loops, which are only scheduled here, find them all; and it asks each about its server,
    for which the queue snapshot must be renewed already. What `first` raises ends the hub.
    `jupyterhub token` and other subcommands never come here.
    """
    init_spawners = JupyterHub.init_spawners
    tasks: list[asyncio.Task[None]] = []  # kept here: the event loop itself holds tasks only weakly

    async def init_spawners_with_loops(app: JupyterHub) -> int:
        first()
        check_class(app.users.settings.get("spawner_class"))
        spawners()  # of users that something has asked for before
        tasks.extend(
            asyncio.create_task(_keep_running(run, name), name=name) for name, run in loops.items()
        )
        return await init_spawners(app)

    JupyterHub.init_spawners = init_spawners_with_loops


async def _keep_running(run: Loop, name: str) -> None:
    """Servers depend on these loops; a fault in one of them must not end it for the rest of the
    hub's life."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("The loop '%s' failed; it is started again", name)
            await asyncio.sleep(5)
