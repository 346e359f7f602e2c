"""Start the hub's loops after JupyterHub has loaded its users, each with sitekit's spawner.

JupyterHub creates its table of users at the first access to this table, with the settings at that
moment (app.py, _users_default). If JupyterHub creates its table of users too early, the users do
not get sitekit's spawner class until the hub ends. Then every server would get a
LocalProcessSpawner, and JupyterHub would treat a running server as stopped.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from sqlalchemy.orm import selectinload

from ..spawner.check_loaded_spawners import check_class, spawners

log = logging.getLogger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]


def begin_with_users(loops: Callable[[], Mapping[str, Loop]]) -> None:
    """Start the loops when JupyterHub begins to check the servers in its database.

    JupyterHub begins to check the servers in init_spawners (app.py), when users and settings are
    complete. This function only schedules the loops. Because JupyterHub creates every spawner
    before it gives control to the event loop, the loops find all spawners. After that, JupyterHub
    polls each server. A poll needs a new list of all jobs, which the loops have read. If the
    function `loops` raises an exception, the hub ends. Subcommands such as `jupyterhub token` start
    no loops.
    """
    init_spawners = JupyterHub.init_spawners
    tasks: list[
        asyncio.Task[None]
    ] = []  # without this list, Python could delete tasks that still run

    async def init_spawners_with_loops(app: JupyterHub) -> int:
        named = loops()
        check_class(app.users.settings.get("spawner_class"))
        spawners()  # this call checks the class of the spawners that exist already
        tasks.extend(
            asyncio.create_task(_keep_running(run, name), name=name) for name, run in named.items()
        )
        # All objects that JupyterHub creates until it gives control to the event loop stay in
        # memory. With a thousand servers, the garbage collector would examine all these objects
        # several times.
        gc.disable()
        asyncio.get_running_loop().call_soon(collect_garbage_of_later_objects)
        held = _users_with_servers(app)
        try:
            return await init_spawners(app)
        finally:
            del held

    JupyterHub.init_spawners = init_spawners_with_loops


def collect_garbage_of_later_objects() -> None:
    """Enable Python's garbage collector again. It no longer examines the objects that exist now."""
    gc.freeze()
    gc.enable()


def _users_with_servers(app: JupyterHub) -> list[Any]:
    """Load all users with running servers from the database in one step, and return these users.

    JupyterHub itself loads these users twice (app.py, init_spawners, 6.1). Its loop over the
    servers reads the servers a second time (populate_existing), and SQLAlchemy then forgets the
    user of each server. Therefore, JupyterHub loads each user again, with three queries for each
    user. As long as the caller keeps the returned list, SQLAlchemy finds the users in memory.
    """
    servers = orm.User._orm_spawners
    running = servers.any(orm.Spawner.server_id.isnot(None))
    users: list[Any] = app.db.query(orm.User).options(selectinload(servers)).filter(running).all()
    return users


async def _keep_running(run: Loop, name: str) -> None:
    """Run one of the hub's loops, and restart the loop if it fails.

    Because servers depend on the hub's loops, an error must not end a loop before the hub ends.
    """
    while True:
        try:
            return await run()
        except Exception:
            log.exception("The loop '%s' failed; it is started again", name)
            await asyncio.sleep(5)
