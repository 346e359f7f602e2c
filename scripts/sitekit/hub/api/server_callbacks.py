"""Handle the requests by which a server reports its port, once, and its end.

A server can report only for itself, by its own token.

This replaces batchspawner's handler, which sets any attribute of the spawner that the request names
(batchspawner/api.py, `setattr(spawner, key, value)`). That handler is removed from JupyterHub's
list.
"""

from __future__ import annotations

import json
import time

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from ..servers.hub_state import HubState
from ..servers.ledger import Row

LISTENING = r"/api/sitekit/listening"
ENDING = r"/api/sitekit/ending"
BODY_LIMIT = 256  # bytes


class ServersOwnHandler(APIHandler):
    """Accept requests only with the token that was given to this start of a server."""

    hub_state: HubState

    def check_xsrf_cookie(self) -> None:
        """Do nothing.

        Only the Authorization header counts here, which no page of another site can send.
        """

    def get_current_user_cookie(self) -> None:
        """Accept no login by cookie."""
        return None

    def row(self) -> Row:
        """Return the caller's row in the ledger. Raises HTTPError."""
        token = self.get_token()
        row = self.hub_state.ledger.by_token(token.hashed) if token else None
        if row is None or self.current_user is None or self.current_user.name != row.user:
            raise web.HTTPError(403, "this token belongs to no server that is starting")
        return row


class ListeningHandler(ServersOwnHandler):
    """POST {"port": N}: record the port and answer 204.

    Any other request is answered with 4xx, and changes nothing.
    """

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
        port = self._port()
        if not self.hub_state.record_port(row.tag, port):
            raise web.HTTPError(409, "this server has reported its port before")
        self.set_status(204)

    def _port(self) -> int:
        """Return the port in the body. Raises HTTPError."""
        if len(self.request.body) > BODY_LIMIT:
            raise web.HTTPError(400, "the body is longer than a port needs")
        try:
            body = json.loads(self.request.body)
        except ValueError:
            raise web.HTTPError(400, "the body is not JSON") from None
        low, high = self.hub_state.site.server.port_range
        port = body.get("port") if isinstance(body, dict) and set(body) == {"port"} else None
        if isinstance(port, bool) or not isinstance(port, int) or not low <= port <= high:
            raise web.HTTPError(
                400, f'send {{"port": N}} with N from {low} to {high}, and nothing else'
            )
        return port


class EndingHandler(ServersOwnHandler):
    """POST without a body: remove the route of a server that ends, and answer 204.

    The server has closed its port. Another program that binds this port must receive no requests.
    JupyterHub alone would keep the route until Slurm reports that the job is gone.
    """

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
        user = self.find_user(row.user)
        spawner = user.spawners.get(row.name) if user else None
        child = getattr(spawner, "child_spawner", None)
        if (
            spawner is not None
            and child is not None
            and child.tag == row.tag
            and not child.ending_since
        ):
            was_ready = spawner.ready
            child.ending_since = time.monotonic()
            if was_ready:
                await self.proxy.delete_user(user, row.name)
        self.set_status(204)


def replace_batchspawners_handler() -> None:
    """Remove batchspawner's handler from JupyterHub's list.

    The import of batchspawner has added it there.
    """
    import batchspawner.api

    default_handlers[:] = [
        rule for rule in default_handlers if rule[1] is not batchspawner.api.BatchSpawnerAPIHandler
    ]
