"""Add routes by which the hub answers in place of stopped or suspended servers.

The hub answers for each named server that does not run, and for each server that is suspended.

The proxy uses the route with the longest prefix of a URL's path. If alice's stopped server at
/user/alice/one/ has no route, alice's default server at /user/alice/ answers the requests for
/user/alice/one/ with 404. If JupyterLab is open in a browser at the URL of the stopped server,
JupyterLab then repeats these requests without a pause.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.utils import url_escape_path, url_path_join

MARK = "sitekit_stand_in"
"""The key in the data of a route that marks the route as sitekit's own.

SilentProxy hides these routes from JupyterHub. Otherwise, JupyterHub would delete these routes.
"""
ROUTE = {MARK: True, "hub": True}  # with "hub", every user may open the route (proxy/owners.mjs)


def suspended_routes(ready: list[Any]) -> set[str]:
    """Return the proxy routes of suspended servers. `ready` are the spawners of all servers that
    JupyterHub counts as ready.

    If no job is suspended, no server is checked, because each check reads the ledger.
    """
    held = [spawner for spawner in ready if spawner.child_spawner]
    backends = held[0].hub_state.backends.values() if held else ()
    if not any(backend.queue.snapshot.has_suspended_jobs for backend in backends):
        return set()
    return {s.proxy_spec for s in held if is_suspended(s)}


def stopped_routes(app: JupyterHub, ready: list[Any]) -> set[str]:
    """Return the proxy routes of the named servers that do not run, but only for users whose
    default server is ready."""
    if not app.allow_named_servers:
        return set()
    names = app.db.query(orm.User.name, orm.Spawner.name).join(
        orm.Spawner, orm.Spawner.user_id == orm.User.id
    )
    named = names.filter(orm.Spawner.name != "").all()
    if not named:  # return early, because reading the names of all users takes time
        return set()
    default = {spawner.user.name: spawner.user for spawner in ready if not spawner.name}
    running = {(spawner.user.name, spawner.name) for spawner in ready}
    return {
        spec(default[user], name)
        for user, name in named
        if user in default and (user, name) not in running
    }


async def update_routes(app: JupyterHub, ready: list[Any], suspended: set[str]) -> None:
    """Add and delete routes in the proxy so that the hub answers for exactly the servers that are
    stopped or suspended.

    `ready` are the spawners of all servers that JupyterHub counts as ready, and `suspended` are the
    routes of those that are suspended.
    """
    specs = suspended | stopped_routes(app, ready)
    for path in specs - app.proxy.stand_ins:
        await app.proxy.add_route(path, app.hub.host, ROUTE)
    if not (needless := app.proxy.stand_ins - specs):
        return
    # When a server is ready, JupyterHub replaces this route by the server's own route. A server may
    # have become ready after the caller made the list `ready`.
    up = {s.proxy_spec for user in app.users.values() for s in user.spawners.values() if s.ready}
    for path in needless - up:
        await app.proxy.delete_route(path)


def spec(user: Any, name: str) -> str:
    """Return the proxy route of a user's named server, also if this server does not exist."""
    return url_path_join(user.proxy_spec, url_escape_path(name), "/")


def is_suspended(spawner: Any) -> bool:
    """Return whether Slurm has suspended a server that JupyterHub counts as ready."""
    job = spawner.child_spawner.current_job() if spawner.ready and spawner.child_spawner else None
    return bool(job and job.suspended)
