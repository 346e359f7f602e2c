"""Define the REST handler that describes one server: its state, its memory, and when the server
will end."""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.user import User
from tornado import web

from ..messages.describe_server import describe
from ..servers.shared_objects import HubState

SERVER = r"/api/sitekit/server"


class ServerStateHandler(APIHandler):
    """Handle GET /hub/api/sitekit/server?server=NAME: describe a server of the user.

    If the query does not contain `server`, a request with a server's own API token returns the data
    of this server. A request with any other token returns the data of the user's default server. A
    token that is not the server's own token needs the scope `read:servers` for the user or the
    server. Times are in seconds since the epoch, memory is in MiB.
    """

    hub_state: HubState

    @web.authenticated
    async def get(self) -> None:
        user = self.current_user
        if not isinstance(user, User):
            raise web.HTTPError(403, "only users have servers")
        name = self._own_name(user)
        asked = self.get_query_argument("server", None)
        if name is None or asked not in (None, name):
            name = asked or ""
            self._check(user, name)
        self.write(describe(self.hub_state, user, name).as_dict())

    def _own_name(self, user: User) -> str | None:
        """Return the name of the server that sends the request; None if no server sends the
        request."""
        token = self.get_token()
        row = self.hub_state.ledger.by_token(token.hashed) if token else None
        return row.name if row and row.user == user.name else None

    def _check(self, user: User, name: str) -> None:
        """Raise HTTPError if the user has no server of this name, or if the token is not allowed to
        read the server's data."""
        server = user.orm_spawners.get(name)
        allowed = self.get_scope_filter("read:servers")
        if not (allowed(server, kind="server") if server else allowed(user, kind="user")):
            raise web.HTTPError(403, "this request needs the scope read:servers")
        if server is None and name:
            raise web.HTTPError(404, "you have no server of this name")
