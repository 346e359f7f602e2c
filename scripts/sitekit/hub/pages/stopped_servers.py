"""Addresses at which the hub answers for a server that cannot: a named one that does not run, one
that is suspended.

The proxy chooses by the longest prefix that it knows. Without a route of its own /user/alice/one/
is answered by the default server of alice at /user/alice/, with 404, and a lab that was open there
repeats its requests without a pause.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.utils import url_escape_path, url_path_join

MARK = "sitekit_stand_in"
"""In a route's data: JupyterHub, which deletes what it does not know, is not told of it."""
ROUTE = {MARK: True, "hub": True}  # of the hub, to which all may come: proxy/owners.mjs


def wanted(app: JupyterHub) -> set[str]:
    """The routes at which the hub should answer now."""
    running = {user.name: user for user in app.users.values() if _ready(user, "")}
    suspended = {
        s.proxy_spec
        for user in app.users.values()
        for s in user.spawners.values()
        if is_suspended(s)
    }
    if not app.allow_named_servers:
        return suspended
    names = app.db.query(orm.User.name, orm.Spawner.name).join(
        orm.Spawner, orm.Spawner.user_id == orm.User.id
    )
    named = [
        (running[user], name)
        for user, name in names.filter(orm.Spawner.name != "")
        if user in running
    ]
    return suspended | {spec(user, name) for user, name in named if not _ready(user, name)}


async def tend(app: JupyterHub) -> None:
    """Make the proxy's routes of this kind the wanted ones."""
    specs = wanted(app)
    for path in specs - app.proxy.stand_ins:
        await app.proxy.add_route(path, app.hub.host, ROUTE)
    ready = {s.proxy_spec for user in app.users.values() for s in user.spawners.values() if s.ready}
    # those that are ready get their own again, without a gap
    for path in app.proxy.stand_ins - specs - ready:
        await app.proxy.delete_route(path)


def spec(user: Any, name: str) -> str:
    """The route of a user's named server, whether it exists or not."""
    return url_path_join(user.proxy_spec, url_escape_path(name), "/")


def is_suspended(spawner: Any) -> bool:
    """Whether JupyterHub takes a server for ready whose processes Slurm has stopped."""
    job = spawner.child_spawner.current_job() if spawner.ready and spawner.child_spawner else None
    return bool(job and job.suspended)


def _ready(user: Any, name: str) -> bool:
    return name in user.spawners and user.spawners[name].ready
