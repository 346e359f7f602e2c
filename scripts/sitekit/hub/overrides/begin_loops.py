"""Start the hub's loops once JupyterHub has loaded its users, each with our spawner.

JupyterHub creates its table of users when something first reads it, with the settings of that
moment (app.py, _users_default). If this happens too early in the start, the table has no spawner
class for as long as the hub runs. Every server would then belong to a LocalProcessSpawner, and a
running server would be taken for stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from jupyterhub.app import JupyterHub

from ..spawner.loaded_spawners import check_class, spawners

log = logging.getLogger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]


def begin_with_users(loops: Mapping[str, Loop], first: Callable[[], object]) -> None:
    """Start the loops when JupyterHub begins to check the servers in its database.

    That is in init_spawners (app.py), when users and settings are complete. JupyterHub creates
    every spawner before it first waits, so that the loops, which are only scheduled here, find them
    all. It then polls each server, for which the snapshot must already be renewed. An exception of
    `first` ends the hub. Subcommands such as `jupyterhub token` do not call this.
    """
    init_spawners = JupyterHub.init_spawners
    tasks: list[
        asyncio.Task[None]
    ] = []  # a list, because the event loop itself has only weak references to tasks

    async def init_spawners_with_loops(app: JupyterHub) -> int:
        first()
        check_class(app.users.settings.get("spawner_class"))
        spawners()  # checks the class of spawners that exist already
        tasks.extend(
            asyncio.create_task(_keep_running(run, name), name=name) for name, run in loops.items()
        )
        return await init_spawners(app)

    JupyterHub.init_spawners = init_spawners_with_loops


async def _keep_running(run: Loop, name: str) -> None:
    """Run a loop, and restart it if it fails.

    Servers depend on these loops: an error must not end one for the rest of the hub's lifetime.
    """
    while True:
        try:
            return await run()
        except Exception:
            log.exception("The loop '%s' failed; it is started again", name)
            await asyncio.sleep(5)
