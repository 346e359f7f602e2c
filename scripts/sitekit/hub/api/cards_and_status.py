"""REST for people and programs: a user's last card, and, for administrators, how the hub stands
with the scheduler."""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from ..servers.hub_state import Life


class CardHandler(APIHandler):
    """GET and DELETE /hub/api/sitekit/card?server=NAME: the caller's own last card; 404 when there
    is none.

    A token needs the scope `read:servers` to read it, and `delete:servers` to dismiss it, for that
    user or server.
    """

    life: Life

    async def get(self) -> None:
        card = self.life.ledger.last_card(*self._server("read:servers"))
        if card is None:
            raise web.HTTPError(404, "no server of yours has failed since its last start")
        self.write(card)

    async def delete(self) -> None:
        self.life.ledger.dismiss(*self._server("delete:servers"))
        self.set_status(204)

    def _server(self, scope: str) -> tuple[str, str]:
        user, name = self.current_user, self.get_query_argument("server", "")
        if not isinstance(user, User):
            raise web.HTTPError(403, "only users have servers")
        server = user.orm_spawners.get(name)
        allowed = self.get_scope_filter(scope)
        if not (allowed(server, kind="server") if server else allowed(user, kind="user")):
            raise web.HTTPError(403, f"this takes the scope {scope}")
        return user.name, name


class StatusHandler(APIHandler):
    """GET /hub/api/sitekit/status: whether the scheduler answers, and what the reconciler found.
    For administrators."""

    life: Life

    @needs_scope("admin:servers")
    async def get(self) -> None:
        self.write(self.life.summary())
