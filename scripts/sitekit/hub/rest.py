"""REST for people and programs: a user's last card, and, for administrators, how the hub stands with the scheduler."""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from ..servers.life import Life


class CardHandler(APIHandler):
    """GET and DELETE /hub/api/sitekit/card?server=NAME: the caller's own last card; 404 when there is none."""

    life: Life

    async def get(self) -> None:
        card = self.life.ledger.last_card(*self._server())
        if card is None:
            raise web.HTTPError(404, "no server of yours has failed since its last start")
        self.write(card)

    async def delete(self) -> None:
        self.life.ledger.dismiss(*self._server())
        self.set_status(204)

    def _server(self) -> tuple[str, str]:
        name = getattr(self.current_user, "name", "")
        if self.current_user is None or getattr(self.current_user, "kind", "") != "user":
            raise web.HTTPError(403, "only users have servers")
        return name, self.get_query_argument("server", "")


class StatusHandler(APIHandler):
    """GET /hub/api/sitekit/status: whether the scheduler answers, and what the reconciler found. For administrators."""

    life: Life

    @needs_scope("admin:servers")
    async def get(self) -> None:
        self.write(self.life.summary())
