"""The proxy as JupyterHub's class for it, save that it does not say who is active."""

from __future__ import annotations

from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy


class SilentProxy(ConfigurableHTTPProxy):
    """configurable-http-proxy without its times of last activity.

    To it all traffic is activity, that of a forgotten tab too, and JupyterHub takes the later of what server and proxy
    say (app.py, update_last_activity): a server would never be idle (jupyterhub-idle-culler#43).
    """

    async def get_all_routes(self) -> dict[str, Any]:
        routes = await super().get_all_routes()
        for route in routes.values():
            route["data"].pop("last_activity", None)
        return routes
