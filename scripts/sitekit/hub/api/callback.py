"""The callbacks: a server tells the hub its port once, while it starts, and that it ends. Each by
its own token alone.

It takes the place of batchspawner's handler, which sets any attribute of the spawner that the
request names (batchspawner/api.py, `setattr(spawner, key, value)`); that one is taken out of
JupyterHub's list.
"""

from __future__ import annotations

import json
import time

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from ..servers.hub_state import Life
from ..servers.ledger import Row

LISTENING = r"/api/sitekit/listening"
ENDING = r"/api/sitekit/ending"
BODY_LIMIT = 256  # bytes


class ServersOwnHandler(APIHandler):
    """Answers to nobody but the server itself: to the token that this start of it was given."""

    life: Life

    def check_xsrf_cookie(self) -> None:
        """Only the Authorization header counts here, which no page of another site can send."""

    def get_current_user_cookie(self) -> None:
        return None

    def row(self) -> Row:
        """The ledger's row of the caller. Raises HTTPError."""
        token = self.get_token()
        row = self.life.ledger.by_token(token.hashed) if token else None
        if row is None or self.current_user is None or self.current_user.name != row.user:
            raise web.HTTPError(403, "this token belongs to no server that is starting")
        return row


class ListeningHandler(ServersOwnHandler):
    """POST {"port": N}. 204 when taken; 4xx, and nothing changed, for whatever else."""

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
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
            raise web.HTTPError(
                400, f'send {{"port": N}} with N from {low} to {high}, and nothing else'
            )
        return port


class EndingHandler(ServersOwnHandler):
    """POST, without a body: the server was told to end, and answers nobody any more. 204; its route
    is gone then.

    Whoever binds its port from now on gets no request. JupyterHub would keep the route until Slurm
    says that the job is gone.
    """

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
        user = self.find_user(row.user)
        spawner = user.spawners.get(row.name) if user else None
        child = getattr(spawner, "child_spawner", None)
        if spawner is not None and child is not None and child.tag == row.tag and not child.leaving:
            was_ready = spawner.ready
            child.leaving = time.monotonic()
            if was_ready:
                await self.proxy.delete_user(user, row.name)
        self.set_status(204)


def replace_batchspawners_handler() -> None:
    """Take batchspawner's handler out of JupyterHub's table. Importing batchspawner put it there."""
    import batchspawner.api

    default_handlers[:] = [
        rule for rule in default_handlers if rule[1] is not batchspawner.api.BatchSpawnerAPIHandler
    ]
