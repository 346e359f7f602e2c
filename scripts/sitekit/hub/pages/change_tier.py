"""Show a page with a button that stops the user's own server and then opens the form with the
tiers.

A menu item of JupyterLab opens this page. A link on another website or on a page of another user's
server can also open this page. However, such a website or page cannot press the button, because
JupyterHub refuses a form without JupyterHub's own _xsrf value, and because other websites cannot
show the page in a frame.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web

from ...base.language import gettext as _
from ..servers.shared_objects import HubState

PATH = r"/sitekit/change"


class ChangeTierHandler(BaseHandler):
    """Handle GET: show the page with the button. Handle POST: stop the server, and redirect the
    browser to the form."""

    hub_state: HubState

    @web.authenticated
    async def get(self) -> None:
        spawner = self._spawner()
        if spawner is None or not spawner.active:
            self.redirect(self._form())
            return
        choice = getattr(spawner.child_spawner, "choice", None)
        html = await self.render_template(
            "change_tier.html",
            server_title=self._name(),
            tier=choice.title if choice else "",  # the site may no longer have this tier
            back=spawner.server.base_url if spawner.server else self.hub.base_url,
            xsrf=self.xsrf_token.decode("ascii"),
        )
        self.finish(html)

    @web.authenticated
    async def post(self) -> None:
        spawner = self._spawner()
        if spawner is not None and spawner.ready and spawner.pending != "stop":
            await self.stop_single_user(self.current_user, self._name())
        self.redirect(self._form())

    def _name(self) -> str:
        return self.get_query_argument("server", "")

    def _spawner(self) -> Any:
        """Return the spawner of the user's own server that the query names; None if JupyterHub has
        not created a spawner for this server. Raises HTTPError if the user has no server of this
        name."""
        user, name = self.current_user, self._name()
        if name and name not in user.orm_spawners:
            raise web.HTTPError(404, _("You have no server of this name."))
        return user.spawners.get(name)

    def _form(self) -> str:
        words = [url_escape_path(word) for word in (self.current_user.name, self._name()) if word]
        return url_path_join(self.hub.base_url, "spawn", *words)
