"""Restore the proxy's routes after the proxy was restarted.

configurable-http-proxy keeps its routes in memory. JupyterHub itself compares the proxy's routes
with its own only every five minutes (jupyterhub#4369).
"""

from __future__ import annotations

import asyncio
import logging

from jupyterhub.app import JupyterHub

from ..pages import check_server_access, route_stopped_servers_to_hub
from ..spawner.check_loaded_spawners import spawners

log = logging.getLogger(__name__)

EVERY, PER_SERVER, LONGEST = 2.0, 0.002, 10.0
"""The pause between two comparisons is EVERY seconds, plus PER_SERVER seconds for each ready
server, and at most LONGEST seconds.

A comparison reads all routes. If the pause did not grow with the number of servers, the comparisons
would be the largest part of the work of an idle hub with thousands of servers.
"""


async def run() -> None:
    """Compare the proxy's routes with the hub's routes every few seconds, until the hub ends.

    If the proxy does not answer, the comparison is repeated after the next pause.
    """
    servers = 0
    while True:
        await asyncio.sleep(min(EVERY + servers * PER_SERVER, LONGEST))
        app = JupyterHub.instance()
        if app.http_server is None:  # the hub is still starting, and does not listen yet
            continue
        try:
            servers = await restore(app)
        except Exception as trouble:  # a proxy that is starting can send any answer
            log.debug("The proxy's routes could not be read: %s", trouble)


async def restore(app: JupyterHub) -> int:
    """Add the routes to servers that are missing in the proxy; return the number of ready servers."""
    routes = await app.proxy.get_all_routes()
    # `ready` takes several reads; therefore, each round reads `ready` only once for each server
    ready = [spawner for spawner in spawners() if spawner.ready]
    suspended = route_stopped_servers_to_hub.suspended_routes(ready)
    await route_stopped_servers_to_hub.update_routes(app, ready, suspended)
    lost = [s for s in ready if s.proxy_spec not in routes and s.proxy_spec not in suspended]
    # a server has possibly stopped since the list `ready` was made
    if app.hub.routespec not in routes or any(spawner.ready for spawner in lost):
        log.warning("The proxy has lost routes; adding them again")
        await check_server_access.resend_ended(
            app.proxy
        )  # before the routes; otherwise, a login that has ended could open a server
        await app.proxy.check_routes(app.users, app._service_map, routes)
    return len(ready)
