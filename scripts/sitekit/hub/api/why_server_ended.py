"""Answer the requests with which a server's open pages, such as JupyterLab, find out why their
server has ended.

The pages of a server are logged in at the server, and the login ends together with the server. The
hub sends to each running server a URL that contains a key, because pages of servers cannot use the
login of the hub's pages. The response describes only the start of the server to which the key in
the URL belongs.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import quote

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web

from ...site import Site
from ...site.types.memory_and_time import human_memory
from ..ledger.ledger import Row
from ..messages import lab_texts
from ..messages.larger_tier import larger_tier
from ..pages.unreachable_server import notice_end
from ..servers.shared_objects import HubState

END = r"/api/sitekit/end"
CHANGE = "sitekit/change"


def end_key(handler: Any, tag: str) -> str:
    """Return the key with which a page can request how this start of a server ended."""
    secret = handler.settings["cookie_secret"]
    return hmac.new(secret, f"sitekit end {tag}".encode(), hashlib.sha256).hexdigest()


def pages_of(site: Site, row: Row, key: str) -> dict[str, str]:
    """Return the URLs of the hub's pages about a server and of the translations for JupyterLab, and
    a sentence about a tier with more memory."""
    hub = f"{site.front.url}/hub"
    return {
        "home": f"{hub}/home",
        "change": f"{hub}/{CHANGE}?server={quote(row.name, safe='')}",
        "end": f"{hub}{END}?start={row.tag}&key={key}",
        "larger": larger_tier(site.tiers, "cap", row.choice, row.choice["cap"], human_memory)[0],
        **lab_texts.address(hub),
    }


class ServerEndHandler(APIHandler):
    """Handle GET ?start=TAG&key=KEY: return whether this start has ended, and its card.

    In the response, `state` is "running", "ended" or "stopped". "stopped" means that the server is
    being stopped, or has ended without a card, because the user has stopped the server. If no start
    of a server has the requested tag (id), or if the key is wrong, the HTTP status is 404.
    """

    hub_state: HubState

    def check_xsrf_cookie(self) -> None:
        """Skip JupyterHub's check of the _xsrf cookie, because no login is used."""

    def get_current_user_cookie(self) -> None:
        """Return None so that no login by cookie is used."""
        return None

    def set_default_headers(self) -> None:
        """Allow pages of all users' domains to read the response, because only pages of this server
        have the key."""
        super().set_default_headers()
        if self.hub_state.site.front.subdomains:
            self.set_header("Access-Control-Allow-Origin", "*")

    async def get(self) -> None:
        tag, key = self.get_query_argument("start", ""), self.get_query_argument("key", "")
        row = self.hub_state.ledger.row(tag)
        if row is None or not hmac.compare_digest(key.encode(), end_key(self, tag).encode()):
            raise web.HTTPError(404, "there is no such start of a server")
        spawner = self._spawner(row)
        if not row.ended and spawner is not None and spawner.ready:
            await notice_end(spawner)
            row = self.hub_state.ledger.row(tag) or row
        self.write(
            {
                "state": _answer(row),
                "card": row.card,
                "start": url_path_join(
                    self.hub_state.site.front.url,
                    "hub/spawn",
                    url_escape_path(row.user),
                    url_escape_path(row.name),
                ),
            }
        )

    def _spawner(self, row: Row) -> Any:
        """Return the spawner of this start; None if another start of the server followed."""
        user = self.find_user(row.user)
        spawner = user.spawners.get(row.name) if user else None
        child = getattr(spawner, "child_spawner", None)
        return spawner if child is not None and child.tag == row.tag else None


def _answer(row: Row) -> str:
    """Return the value of `state` for the response. A server that is being stopped counts as
    stopped."""
    if row.ended and row.card:
        return "ended"
    return "stopped" if row.ended or row.abandoned else "running"
