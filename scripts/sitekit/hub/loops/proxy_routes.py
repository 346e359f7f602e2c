"""Keep the proxy's routes: a proxy that was restarted has forgotten them, and JupyterHub looks only
every five minutes (jupyterhub#4369, closed with a shorter default; configurable-http-proxy keeps
its table in memory)."""

from __future__ import annotations

import asyncio
import logging

from jupyterhub.app import JupyterHub

from ..pages import enter, stopped_servers
from ..spawner.held import spawners

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds


async def run() -> None:
    """Compare for ever. A proxy that does not answer is asked again."""
    while True:
        await asyncio.sleep(EVERY)
        app = JupyterHub.instance()
        if app.http_server is None:  # still starting
            continue
        try:
            await restore(app)
        except Exception as trouble:  # whatever the proxy says while it comes up
            log.debug("The proxy's routes could not be read: %s", trouble)


async def restore(app: JupyterHub) -> None:
    """Give the proxy back what it lacks."""
    routes = await app.proxy.get_all_routes()
    await stopped_servers.tend(app)
    ready = [s.proxy_spec for s in spawners() if s.ready and not stopped_servers.is_suspended(s)]
    if app.hub.routespec not in routes or not set(ready) <= set(routes):
        log.warning("The proxy has lost routes; giving them back")
        await enter.tell_again(app.proxy)  # first, so that what has ended never opens any of them
        await app.proxy.check_routes(app.users, app._service_map, routes)
