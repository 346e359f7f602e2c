"""Adapt JupyterHub's class for configurable-http-proxy.

SilentProxy ignores the times of activity that the proxy reports, adds the IP addresses of servers
to routes, and ends the hub if the proxy refuses the hub's token.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientResponseError
from jupyterhub.proxy import ConfigurableHTTPProxy

from ...contracts.internal_tls import tag_in
from ..ledger.ledger import LedgerTrouble
from ..pages.route_stopped_servers_to_hub import MARK, ROUTE, spec
from ..servers.shared_objects import HubState

log = logging.getLogger(__name__)


class SilentProxy(ConfigurableHTTPProxy):
    """Manage the proxy's routes, and ignore the proxy's times of last activity.

    The proxy counts all traffic as activity, even the traffic of a forgotten browser tab.
    JupyterHub uses the later one of the times that server and proxy report (app.py,
    update_last_activity). If JupyterHub used the proxy's time of the last activity, a server would
    never be idle (jupyterhub-idle-culler#43).
    """

    # the routes of pages/route_stopped_servers_to_hub.py, which get_all_routes() does not return to JupyterHub
    stand_ins: frozenset[str] | set[str] = frozenset()
    hub_state: HubState

    async def add_user(self, user: Any, server_name: str = "") -> None:
        """Add the route of a server only after the server has reported its port.

        While a start is being cancelled, JupyterHub treats the server as ready, with an invented IP
        address and port on the hub's host (proxy.py, check_routes). Any user of the hub's host
        could listen on the invented port.
        """
        child = user.spawners[server_name].child_spawner
        if child is not None and child.reported_port():
            await super().add_user(user, server_name)
            with contextlib.suppress(LedgerTrouble):  # the time is for the metrics alone
                self.hub_state.ledger.record_ready(child.tag)

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """Add a route to a server. If the target contains the name in the server's certificate, which
        no DNS knows, the route also contains the IP address of the server's node (proxy/tls.mjs).
        """
        tag = tag_in(urlsplit(target).hostname or "")
        if tag is not None:
            data = {**data, "address": self.hub_state.addresses[tag]}
        await super().add_route(routespec, target, data)

    async def get_all_routes(self) -> dict[str, Any]:
        """Return the proxy's routes, without times of activity and without sitekit's own routes."""
        try:
            routes = await super().get_all_routes()
        except ClientResponseError as trouble:
            if trouble.status == 403:
                end_for_another_token()
            raise
        for route in routes.values():
            route["data"].pop("last_activity", None)
        self.stand_ins = {path for path, route in routes.items() if MARK in route["data"]}
        return {path: route for path, route in routes.items() if path not in self.stand_ins}

    async def delete_user(self, user: Any, server_name: str = "") -> None:
        """Delete a server's route; for a named server, add a route to the hub instead. Without a
        route to the hub, the user's default server would answer at the named server's URL for a
        moment.
        """
        await super().delete_user(user, server_name)
        if server_name and "" in user.spawners and user.spawners[""].ready:
            await self.add_route(spec(user, server_name), self.app.hub.host, ROUTE)


def end_for_another_token() -> None:
    """End the hub, because the proxy was started with another token.

    The hub cannot add routes with a wrong token, and without routes browsers are redirected without
    end. The hub ends because a running hub cannot read a new token. systemd or supervisord restarts
    the hub with the current token.
    """
    log.critical(
        "The proxy refuses this hub's token. The hub ends, and is started again with the CONFIGPROXY_AUTH_TOKEN that "
        "is in proxy.env now. If this happens again, restart the proxy too"
    )
    os.kill(os.getpid(), signal.SIGTERM)
