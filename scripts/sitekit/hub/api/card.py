"""Define the REST handler for a user's last card, the text about why a server ended."""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.user import User
from tornado import web

from ..servers.shared_objects import HubState


class CardHandler(APIHandler):
    """Handle GET and DELETE /hub/api/sitekit/card?server=NAME: return or delete the last card of a
    server.

    GET returns the HTTP status 404 if there is no card.

    To read the card, a token needs the scope `read:servers` for that user or server. To delete the
    card, a token needs the scope `delete:servers`.
    """

    hub_state: HubState

    async def get(self) -> None:
        card = self.hub_state.ledger.last_card(*self._server("read:servers"))
        if card is None:
            raise web.HTTPError(404, "no server of yours has failed since its last start")
        self.write(card)

    async def delete(self) -> None:
        self.hub_state.ledger.dismiss(*self._server("delete:servers"))
        self.set_status(204)

    def _server(self, scope: str) -> tuple[str, str]:
        """Return the names of the user and of the server. Raises HTTPError (403) if the token does
        not belong to a user, or does not have `scope`."""
        user, name = self.current_user, self.get_query_argument("server", "")
        if not isinstance(user, User):
            raise web.HTTPError(403, "only users have servers")
        server = user.orm_spawners.get(name)
        allowed = self.get_scope_filter(scope)
        if not (allowed(server, kind="server") if server else allowed(user, kind="user")):
            raise web.HTTPError(403, f"this request needs the scope {scope}")
        return user.name, name
