"""The callback: a server that listens tells the hub its port. One integer, once, from its own token, while it starts.

It takes the place of batchspawner's handler, which sets any attribute of the spawner that the request names
(batchspawner/api.py, `setattr(spawner, key, value)`); that one is taken out of JupyterHub's list.
"""

from __future__ import annotations

import json

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from ..servers.life import Life

PATH = r"/api/sitekit/listening"
BODY_LIMIT = 256  # bytes


class ListeningHandler(APIHandler):
    """POST {"port": N}. 204 when taken; 4xx, and nothing changed, for whatever else."""

    life: Life

    def check_xsrf_cookie(self) -> None:
        """Only the Authorization header counts here, which no page of another site can send."""

    def get_current_user_cookie(self) -> None:
        return None

    @web.authenticated
    async def post(self) -> None:
        token = self.get_token()
        row = self.life.ledger.by_token(token.hashed) if token else None
        if row is None or self.current_user is None or self.current_user.name != row.user:
            raise web.HTTPError(403, "this token belongs to no server that is starting")
        port = self._port()
        if not self.life.listens(row.tag, port):
            raise web.HTTPError(409, "this server has told its port before")
        self.set_status(204)

    def _port(self) -> int:
        if len(self.request.body) > BODY_LIMIT:
            raise web.HTTPError(400, "the body is longer than a port needs")
        try:
            body = json.loads(self.request.body)
        except ValueError:
            raise web.HTTPError(400, "the body is not JSON") from None
        low, high = self.life.site.server.port_range
        port = body.get("port") if isinstance(body, dict) and set(body) == {"port"} else None
        if isinstance(port, bool) or not isinstance(port, int) or not low <= port <= high:
            raise web.HTTPError(400, f'send {{"port": N}} with N from {low} to {high}, and nothing else')
        return port


def replace_batchspawners_handler() -> None:
    """Take batchspawner's handler out of JupyterHub's table. Importing batchspawner put it there."""
    import batchspawner.api

    default_handlers[:] = [rule for rule in default_handlers if rule[1] is not batchspawner.api.BatchSpawnerAPIHandler]
