"""Show users the last lines of the log of their own running server."""

from __future__ import annotations

import asyncio

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from ...base.language import gettext as _
from ..ledger.ledger import Row
from ..messages.ended_cards import without_requests
from ..servers.shared_objects import HubState

LOG = r"/sitekit/log"


class ServerLogHandler(BaseHandler):
    """Handle GET /hub/sitekit/log?server=NAME: show the last lines of the log. The log is read with
    the rights of the user's account.

    If several requests for one server come at the same time, the log is read only once.
    """

    hub_state: HubState
    _reading: dict[str, asyncio.Future[list[str]]] = {}  # noqa: RUF012  (of all requests, by tag)

    @web.authenticated
    async def get(self) -> None:
        name = self.get_query_argument("server", "")
        row = self.hub_state.ledger.last_start(self.current_user.name, name)
        if row is None or row.job is None or row.ended:
            raise web.HTTPError(404, _("You have no running server of this name."))
        lines = without_requests(await self._lines(row, row.job))
        self.finish(
            await self.render_template("log.html", server_name=name, job=row.job, lines=lines)
        )

    async def _lines(self, row: Row, job: str) -> list[str]:
        """Return the last lines of a job's log. If another request already reads the same log, wait
        for this other request, and return its result."""
        reading = self._reading.get(row.tag)
        if reading is None:
            tail = self.hub_state.backend_of(row).log_tail(row, job)
            reading = self._reading[row.tag] = asyncio.ensure_future(tail)
            reading.add_done_callback(lambda _: self._reading.pop(row.tag, None))
        return await asyncio.shield(reading)
