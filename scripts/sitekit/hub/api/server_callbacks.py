"""Handle the requests that a user's server sends to the hub: the report of the port after the
start, reports of the memory while the server runs, and the report of the end. The API token in a
request decides to which server the request belongs.

This module replaces batchspawner's handler, with which a request can set any attribute of the
spawner (batchspawner/api.py, `setattr(spawner, key, value)`). Batchspawner's handler is removed
from JupyterHub's list of handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.base import APIHandler
from tornado import web

from ..ledger.ledger import Row
from ..servers.shared_objects import HubState

LISTENING = r"/api/sitekit/listening"
ENDING = r"/api/sitekit/ending"
MEMORY = r"/api/sitekit/memory"
BODY_LIMIT = 256  # bytes
MOST_MEMORY = 2**30  # MiB
ENDS = 30.0  # seconds within which the job of a server that has reported its end is usually gone


class ServersOwnHandler(APIHandler):
    """Accept a request only with the API token that this start of a server has received."""

    hub_state: HubState

    def check_xsrf_cookie(self) -> None:
        """Skip JupyterHub's check of the _xsrf cookie.

        Only the Authorization header authorizes these requests, and no page of another site can
        send this header.
        """

    def get_current_user_cookie(self) -> None:
        """Return None so that a login by cookie is not accepted."""
        return None

    def row(self) -> Row:
        """Return the row of the ledger for the server that sent the request. Raises HTTPError (403)
        if the token does not belong to a starting or running server."""
        token = self.get_token()
        row = self.hub_state.ledger.by_token(token.hashed) if token else None
        if row is None or self.current_user is None or self.current_user.name != row.user:
            raise web.HTTPError(403, "this token belongs to no server that is starting")
        return row

    def number(self, key: str, low: int, high: int) -> int:
        """Return the whole number N from the request's body `{key: N}`. Raises HTTPError (400) if
        the body has another form, or if N is not between `low` and `high`."""
        if len(self.request.body) > BODY_LIMIT:
            raise web.HTTPError(400, "the body is too long for a number")
        try:
            body = json.loads(self.request.body)
        except ValueError:
            raise web.HTTPError(400, "the body is not JSON") from None
        value = body.get(key) if isinstance(body, dict) and set(body) == {key} else None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise web.HTTPError(
                400, f'send {{"{key}": N}} with N from {low} to {high}, and nothing else'
            )
        return value


class ListeningHandler(ServersOwnHandler):
    """Handle POST {"port": N}: record the server's port, and respond with HTTP status 204.

    A request with any other body changes nothing, and gets a response with HTTP status 4xx.
    """

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
        low, high = self.hub_state.site.server.port_range
        port = self.number("port", low, high)
        if not self.hub_state.record_port(row.tag, port):
            raise web.HTTPError(409, "this server has reported its port before")
        self.set_status(204)


class MemoryHandler(ServersOwnHandler):
    """Handle POST {"memory": N}: record the memory that the server uses, in MiB, and respond with
    HTTP status 204.

    With its token, a server can report only its own memory. Only the status and the metrics use the
    reported value.
    """

    @web.authenticated
    async def post(self) -> None:
        row = self.row()
        self.hub_state.ledger.record_memory(row.tag, self.number("memory", 0, MOST_MEMORY))
        self.set_status(204)


class EndingHandler(ServersOwnHandler):
    """Handle POST without a body: remove the route of a server that ends, and respond with HTTP
    status 204.

    A user's server closes its port before the server reports its end to the hub. Another program
    that binds the same port must not receive the server's requests. JupyterHub by itself would keep
    the route until Slurm reports that the job is gone.
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
            watch_end(child)
            if was_ready:
                await self.proxy.delete_user(user, row.name)
        self.set_status(204)


def watch_end(child: Any) -> None:
    """Query the list of jobs more often until the job of an ending server is gone.

    The hub's pages cannot show why the server has ended until the backend has listed the end.
    """
    watch = asyncio.ensure_future(_list_until_gone(child, child.tag))
    _watches.add(watch)
    watch.add_done_callback(_watches.discard)


_watches: set[asyncio.Future[None]] = set()  # otherwise, Python could delete a running task


async def _list_until_gone(child: Any, tag: str) -> None:
    """Wait until the hub has noticed that the job is gone, but at most ENDS seconds."""
    queue, last = child.backend.queue, time.monotonic() + ENDS
    with queue.waiting():
        while child.tag == tag and time.monotonic() < last:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(queue.next(), ENDS)


def replace_batchspawners_handler() -> None:
    """Remove batchspawner's handler from JupyterHub's list.

    The import of batchspawner adds its handler to JupyterHub's list of handlers.
    """
    import batchspawner.api

    default_handlers[:] = [
        rule for rule in default_handlers if rule[1] is not batchspawner.api.BatchSpawnerAPIHandler
    ]
