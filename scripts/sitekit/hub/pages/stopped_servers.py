"""Add routes by which the hub answers in place of stopped or suspended servers.

The hub answers for each named server that does not run, and for each server that is suspended.

The proxy uses the route with the longest prefix of an address. Without a route of its own,
/user/alice/one/ is answered by alice's default server at /user/alice/, with 404. If JupyterLab is
open in a browser at the URL of a stopped server, JupyterLab then repeats its requests without a
pause.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.utils import url_escape_path, url_path_join

MARK = "sitekit_stand_in"
"""The key that marks sitekit's own routes in their data.

JupyterHub does not see these routes, because JupyterHub deletes routes that it does not know.
"""
ROUTE = {MARK: True, "hub": True}  # hub: every user may open it (proxy/owners.mjs)


def suspended_routes(app: JupyterHub) -> set[str]:
    """Return the proxy routes of suspended servers.

    Unless a job is suspended, no server is looked at: each look reads the ledger.
    """
    held = [s for user in app.users.values() for s in user.spawners.values() if s.child_spawner]
    backends = held[0].hub_state.backends.values() if held else ()
    jobs = (job for backend in backends for job in backend.queue.snapshot.jobs.values())
    if not any(job.suspended for job in jobs):
        return set()
    return {s.proxy_spec for s in held if is_suspended(s)}


def wanted_routes(app: JupyterHub) -> set[str]:
    """Return the proxy routes of stopped and suspended servers, at which the hub has to answer
    instead."""
    running = {user.name: user for user in app.users.values() if _ready(user, "")}
    suspended = suspended_routes(app)
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


async def update_routes(app: JupyterHub) -> None:
    """Add and delete routes in the proxy so that the hub answers for exactly the servers that are
    stopped or suspended."""
    specs = wanted_routes(app)
    for path in specs - app.proxy.stand_ins:
        await app.proxy.add_route(path, app.hub.host, ROUTE)
    ready = {s.proxy_spec for user in app.users.values() for s in user.spawners.values() if s.ready}
    # when a server is ready, JupyterHub replaces this route by the server's own
    for path in app.proxy.stand_ins - specs - ready:
        await app.proxy.delete_route(path)


def spec(user: Any, name: str) -> str:
    """Return the proxy route of a user's named server, also if this server does not exist."""
    return url_path_join(user.proxy_spec, url_escape_path(name), "/")


def is_suspended(spawner: Any) -> bool:
    """Return whether Slurm has suspended a server that JupyterHub counts as ready."""
    job = spawner.child_spawner.current_job() if spawner.ready and spawner.child_spawner else None
    return bool(job and job.suspended)


def _ready(user: Any, name: str) -> bool:
    return name in user.spawners and user.spawners[name].ready
