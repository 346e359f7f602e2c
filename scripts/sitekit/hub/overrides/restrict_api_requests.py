"""Restrict JupyterHub's own handlers, which would accept any options that a user sends.

If an administrator stops a user's server, the handlers also record a card (a text for the user)
about the stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyterhub import apihandlers, handlers
from jupyterhub.apihandlers.hub import RootAPIHandler
from jupyterhub.apihandlers.proxy import ProxyAPIHandler
from jupyterhub.apihandlers.users import (
    UserAPIHandler,
    UserServerAPIHandler,
    UserTokenListAPIHandler,
)
from jupyterhub.app import JupyterHub
from jupyterhub.handlers import login
from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.pages import ProxyErrorHandler, SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from ..login.end_browser_logins import LogoutHandler
from ..messages.cards_of_stops_by_others import card_of_stop
from ..pages.unreachable_server import NoAnswerHandler, ServerPageHandler
from ..servers.shared_objects import HubState
from .count_started_named_servers import only_if_started
from .form_handler import FormHandler
from .limit_api_tokens import TokenHandler

BODY_LIMIT = 64 * 1024  # largest request to the hub, in bytes; tornado's own limit is 100 MB
NAME_LIMIT = 100  # longest title of a server, in characters
PATCHABLE = {"name", "display_name"}


class ServerHandler(UserServerAPIHandler):
    """Accept a user's options only in requests that start a server, because sitekit checks options
    only at the start.

    JupyterHub's PUT and PATCH store unchecked options, and PATCH logs these options in full
    (apihandlers/users.py).
    """

    hub_state: HubState

    def get_json_body(self) -> Any:
        body = super().get_json_body()
        if self.request.method == "PATCH" and not (
            isinstance(body, dict) and body.keys() <= PATCHABLE
        ):
            raise web.HTTPError(400, f"only these can be changed: {', '.join(sorted(PATCHABLE))}")
        return _with_short_title(body)

    # JupyterHub's method calls APIHandler.get_json_body, not this class's get_json_body
    def get_server_json_body(self) -> dict[str, Any]:
        body = _with_short_title(super().get_server_json_body())
        if self.request.method == "PUT" and body["user_options"]:
            raise web.HTTPError(400, "give the options when you start the server")
        return body

    @needs_scope("start:servers")
    async def post(self, user_name: str, server_name: str = "") -> None:
        with only_if_started(self, user_name, server_name):
            await super().post(user_name, server_name)

    async def stop_single_user(self, user: User, server_name: str = "") -> Any:
        child = getattr(user.spawners[server_name], "child_spawner", None)
        row = self.hub_state.ledger.row(child.tag) if child else None
        if row and (
            card := card_of_stop(self.hub_state.site, self.current_user, user.name, row.choice)
        ):
            self.hub_state.ledger.abandon(row.tag, card.as_dict())
        return await super().stop_single_user(user, server_name)


class AccountHandler(UserAPIHandler):
    """Refuse REST requests that rename a user.

    A user of the hub is an account of the cluster, and the user's servers run as this account. If a
    user could be renamed, an administrator could give a logged-in user the name of another account
    (apihandlers/users.py, patch).
    """

    def get_json_body(self) -> Any:
        body = super().get_json_body()
        if (
            self.request.method == "PATCH"
            and isinstance(body, dict)
            and body.get("name", self.path_args[0]) != self.path_args[0]
        ):
            raise web.HTTPError(
                400, "users are accounts of the cluster, and have their names there"
            )
        return body


class ProxyHandler(ProxyAPIHandler):
    """Refuse to change the proxy's URL: only site.yml sets this URL (apihandlers/proxy.py,
    patch)."""

    async def patch(self) -> None:
        raise web.HTTPError(405, "only the site file sets the proxy")


def _with_short_title(body: Any) -> Any:
    """Return the request's body. Raises HTTPError if the server's title is too long."""
    title = body.get("display_name") if isinstance(body, dict) else None
    if title is not None and not (isinstance(title, str) and len(title) <= NAME_LIMIT):
        raise web.HTTPError(400, f"display_name is not a text of at most {NAME_LIMIT} characters")
    return body


class RootHandler(RootAPIHandler):
    """Remove the header that allows pages of every website to read the hub's response at /hub/api.

    The header is Access-Control-Allow-Origin (apihandlers/hub.py).
    """

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.clear_header("Access-Control-Allow-Origin")


def replace_handlers(more: Mapping[type, type]) -> None:
    """Replace JupyterHub's own handlers with the handlers of this module and with `more`."""
    ours = {
        UserServerAPIHandler: ServerHandler,
        SpawnHandler: FormHandler,
        RootAPIHandler: RootHandler,
        UserAPIHandler: AccountHandler,
        ProxyAPIHandler: ProxyHandler,
        UserTokenListAPIHandler: TokenHandler,
        login.LogoutHandler: LogoutHandler,
        ProxyErrorHandler: NoAnswerHandler,
        UserUrlHandler: ServerPageHandler,
        **more,
    }
    for table in (apihandlers.default_handlers, handlers.default_handlers):
        table[:] = [(rule[0], ours.get(rule[1], rule[1]), *rule[2:]) for rule in table]


async def limit_bodies() -> None:
    """Limit the size of requests to BODY_LIMIT, as soon as the hub listens.

    JupyterHub has no setting for the size of requests.
    """
    while (server := JupyterHub.instance().http_server) is None:
        await asyncio.sleep(0.1)
    server.conn_params.max_body_size = BODY_LIMIT
