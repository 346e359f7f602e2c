"""The proxy as JupyterHub's class: without times of activity, told where servers are, with an end
to a wrong token."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientResponseError
from jupyterhub.proxy import ConfigurableHTTPProxy

from ...contracts.internal_tls import tag_in
from ..pages.stopped_servers import MARK, ROUTE, spec
from ..servers.hub_state import Life

log = logging.getLogger(__name__)


class SilentProxy(ConfigurableHTTPProxy):
    """configurable-http-proxy without its times of last activity.

    To it all traffic is activity, that of a forgotten tab too, and JupyterHub takes the later of
    what server and proxy say (app.py, update_last_activity): a server would never be idle
    (jupyterhub-idle-culler#43).
    """

    # those of stand_ins.py, of which JupyterHub is not told
    stand_ins: frozenset[str] | set[str] = frozenset()
    life: Life

    async def add_user(self, user: Any, server_name: str = "") -> None:
        """Only for a server that has told its port. While a start is cancelled JupyterHub takes it
        for ready, with an address on the hub's host that it has made up (proxy.py, check_routes):
        anybody could listen there."""
        child = user.spawners[server_name].child_spawner
        if child is not None and child.port_told():
            await super().add_user(user, server_name)

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """To the name of a server with a certificate belongs the address of its node
        (proxy/tls.mjs)."""
        tag = tag_in(urlsplit(target).hostname or "")
        if tag is not None:
            data = {**data, "address": self.life.addresses[tag]}
        await super().add_route(routespec, target, data)

    async def get_all_routes(self) -> dict[str, Any]:
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
        """A named server that stops is not answered by the default one for a moment, either."""
        await super().delete_user(user, server_name)
        if server_name and "" in user.spawners and user.spawners[""].ready:
            await self.add_route(spec(user, server_name), self.app.hub.host, ROUTE)


def end_for_another_token() -> None:
    """The proxy has been started with another token than the hub. Without routes users are
    redirected in a circle, and the hub cannot read its token again: it ends, and its supervisor
    starts it with the token of that moment."""
    log.critical(
        "The proxy refuses this hub's token. The hub ends, and is started again with the CONFIGPROXY_AUTH_TOKEN that "
        "stands in proxy.env now. If this repeats itself, restart the proxy too"
    )
    os.kill(os.getpid(), signal.SIGTERM)
