"""JupyterHub's REST API of servers: narrower where it would keep, or log, whatever a user sends. And who stops a server
that is not theirs is told to its user."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.app import JupyterHub
from jupyterhub.user import User
from tornado import web

from .life import Life
from .stopped import card_of_stop

BODY_LIMIT = 64 * 1024  # bytes of a request to the hub; tornado would take 100 MB
NAME_LIMIT = 100  # characters of a server's title
PATCHABLE = {"name", "display_name"}


class ServerHandler(UserServerAPIHandler):
    """Options count when a server is started, where they are checked; they cannot be left with a server that is not.

    JupyterHub's PUT and PATCH store unchecked options, and PATCH logs them in full (apihandlers/users.py).
    """

    life: Life

    def get_json_body(self) -> Any:
        body = super().get_json_body()
        if self.request.method == "PATCH" and not (isinstance(body, dict) and body.keys() <= PATCHABLE):
            raise web.HTTPError(400, f"only these can be changed: {', '.join(sorted(PATCHABLE))}")
        title = body.get("display_name") if isinstance(body, dict) else None
        if title is not None and not (isinstance(title, str) and len(title) <= NAME_LIMIT):
            raise web.HTTPError(400, f"display_name is not a text of at most {NAME_LIMIT} characters")
        return body

    def get_server_json_body(self) -> dict[str, Any]:
        body = super().get_server_json_body()
        if self.request.method == "PUT" and body["user_options"]:
            raise web.HTTPError(400, "give the options when you start the server")
        return body

    async def stop_single_user(self, user: User, server_name: str = "") -> Any:
        child = getattr(user.spawners[server_name], "child_spawner", None)
        row = self.life.ledger.row(child.tag) if child else None
        if row and (card := card_of_stop(self.life.site, self.current_user, user.name, row.choice)):
            self.life.ledger.abandon(row.tag, card.as_dict())
        return await super().stop_single_user(user, server_name)


def replace_server_handler() -> None:
    """Put ServerHandler in the place of JupyterHub's own."""
    default_handlers[:] = [
        (rule[0], ServerHandler, *rule[2:]) if rule[1] is UserServerAPIHandler else rule for rule in default_handlers
    ]


async def limit_bodies() -> None:
    """As soon as the hub serves: no request is longer than BODY_LIMIT. JupyterHub has no setting for it."""
    while (server := JupyterHub.instance().http_server) is None:
        await asyncio.sleep(0.1)
    server.conn_params.max_body_size = BODY_LIMIT
