"""Decide which users may open another user's server, if all servers have one domain. The hub sets a
cookie (server_access_cookie.py), and the proxy forwards a request to a server only with that cookie. Users
get the cookie for their own servers when they log in, and whenever the cookie is missing. Besides
the owner, administrators and users with whom the server is shared may open a server. Before users
open another user's server, they must confirm on a page that they trust its owner.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from jupyterhub.handlers import login
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User
from tornado import web

from ...base.language import gettext as _
from ...site import Site
from ..login.end_browser_logins import LogoutHandler
from . import server_access_cookie

log = logging.getLogger(__name__)

PATH = r"/sitekit/enter"
OTHERS_SECONDS = 12 * 3600  # seconds for which a confirmation is valid: one working day
# JupyterHub's text (handlers/base.py, UserUrlHandler), which is the same in each language
NOT_FOUND = "No access to resources or resources not found"
_PAGE = re.compile(r"/user/([^/?#]+)(/[^?#]*)?([?].*)?")
_PROXY_TIMEOUT = 5  # seconds for the proxy to answer that it has recorded a logout
_MOST = 1000  # the highest number of logouts that are sent again to a restarted proxy
# Entries (permissions to open servers) that have ended since the hub started, each with the time
# when its cookie expires.
_ended: dict[str, int] = {}
_DOTS = {".", ".."}


def let_owners_in(site: Site) -> None:
    """Set the cookie for a user's own servers at each login.

    The new cookie replaces a cookie that another user has left in the browser.
    """
    set_login_cookie, clear_login_cookie = (
        BaseHandler.set_login_cookie,
        BaseHandler.clear_login_cookie,
    )
    EnterHandler.own_seconds = int(site.login.session)

    def with_entry(handler: BaseHandler, user: User) -> None:
        set_login_cookie(handler, user)
        admit_browser(
            handler, entry_of(handler) or server_access_cookie.Entry(user.name), user.name
        )

    def without_entry(handler: BaseHandler, *name: str) -> None:
        clear_login_cookie(handler, *name)
        handler.clear_cookie(server_access_cookie.COOKIE, path="/", secure=True)

    BaseHandler.set_login_cookie, BaseHandler.clear_login_cookie = with_entry, without_entry


def entry_of(handler: BaseHandler) -> server_access_cookie.Entry | None:
    """Return the entry (the permission to open servers) in the browser's cookie, if the entry
    belongs to the logged-in user."""
    found = server_access_cookie.read_entry(
        handler.get_cookie(server_access_cookie.COOKIE, ""),
        server_access_cookie.key(handler.proxy.auth_token),
    )
    return found if found and found.user == handler.current_user.name else None


def admit_browser(handler: BaseHandler, before: server_access_cookie.Entry, owner: str) -> None:
    """Allow the browser to open the servers of `owner`, in addition to the servers that the browser
    could already open."""
    now = time.time()
    until = now + (EnterHandler.own_seconds if owner == before.user else OTHERS_SECONDS)
    entered = before.to(owner, until, now)
    handler.set_cookie(
        server_access_cookie.COOKIE,
        server_access_cookie.write_entry(
            entered, server_access_cookie.key(handler.proxy.auth_token)
        ),
        path="/",
        max_age=max(entered.servers.values()) - int(now),
        secure=True,
        httponly=True,
        # With Lax, a link on another site can open the user's own server, but a form or a frame of
        # another site cannot. With Strict, such a link would cause endless redirects, because the
        # browser would not send the cookie after a redirect either.
        samesite="Lax",
    )


class EnterHandler(BaseHandler):
    """Handle /hub/sitekit/enter?next=/user/NAME/...: give the browser an entry, which is a
    permission to open NAME's servers.

    If a browser has no entry (no permission to open this server), the proxy redirects the browser
    to this URL.
    """

    own_seconds: int

    @web.authenticated
    async def get(self) -> None:
        owner = self._owner()
        mine, refused = owner == self.current_user.name, self._refused(owner)
        if mine and not refused:
            return self._enter(owner)
        words = {"owner": owner, "mine": mine, "refused": refused, "hours": OTHERS_SECONDS // 3600}
        self.finish(await self.render_template("enter.html", **words))

    @web.authenticated
    async def post(self) -> None:  # JupyterHub has already checked the _xsrf value of the form
        self._enter(self._owner())

    def _refused(self, owner: str) -> bool:
        """Return whether the proxy has refused a cookie that the hub accepts.

        If the hub did not notice such a refusal, hub and proxy would redirect the browser to each
        other without end.
        """
        before = entry_of(self)
        return before is not None and before.opens(owner, time.time())

    def _enter(self, owner: str) -> None:
        """Set the cookie, and redirect the browser to the server."""
        before = entry_of(self) or server_access_cookie.Entry(self.current_user.name)
        if self._refused(owner):  # the old entry has ended: create a new one
            before = replace(before, id=secrets.token_urlsafe(16))
        admit_browser(self, before, owner)
        self.redirect(self._next)

    def _owner(self) -> str:
        """Return the server's owner, if the user who is logged in may open the server. Raises
        HTTPError.

        For an unknown user or server, the HTTP status is 404, as in JupyterHub itself.
        """
        self._next = self.get_argument("next", "", strip=False)
        page = _PAGE.fullmatch(self._next)
        parts = unquote(page[2] or "/").split("/") if page else []
        if (
            page is None
            or not self._next.isprintable()
            or "\\" in self._next
            or _DOTS & {unquote(page[1]), *parts}
        ):
            raise web.HTTPError(400, _("This link leads to no page of a user's server."))
        owner = unquote(page[1])
        if self.find_user(owner) is None:
            raise web.HTTPError(404, NOT_FOUND)
        names = {"", *parts[1:2]}  # the part after the owner's name can be the name of a server
        if not any(self.has_scope(f"access:servers!server={owner}/{name}") for name in names):
            raise web.HTTPError(404, NOT_FOUND)
        return owner


class AuthorizeHandler(OAuthAuthorizeHandler):
    """Renew the cookie with the entry (the permission to open servers) when the hub authorizes a
    user at a server.

    Because the server sets its own cookie at that moment, the entry and the server's cookie last
    equally long.
    """

    def _complete_login(
        self, uri: str, headers: Any, scopes: Any, credentials: dict[str, Any]
    ) -> None:
        user = self.current_user
        if credentials["client_id"] in {
            spawner.oauth_client_id for spawner in user.spawners.values()
        }:
            admit_browser(self, entry_of(self) or server_access_cookie.Entry(user.name), user.name)
        super()._complete_login(uri, headers, scopes, credentials)


class EndingLogoutHandler(LogoutHandler):
    """Make the browser's entry invalid at logout so that no copy of its cookie works either."""

    async def default_handle_logout(self) -> None:
        if self.current_user and (ends := entry_of(self)):
            _note_end(ends.id)
            try:
                await asyncio.wait_for(_send_ended(self.proxy, ends.id), _PROXY_TIMEOUT)
            except Exception as trouble:
                log.warning(
                    "The proxy did not record the logout of %s: %s",
                    self.current_user.name,
                    trouble,
                )
        await super().default_handle_logout()


def _note_end(id_: str) -> None:
    """Record that an entry (a permission to open servers) has ended, because its user has logged
    out.

    Expired entries are removed from the record, because a hub runs for months.
    """
    now = int(time.time())
    for old in [old for old, until in _ended.items() if until < now]:
        del _ended[old]
    _ended[id_] = now + max(EnterHandler.own_seconds, OTHERS_SECONDS)


async def resend_ended(proxy: Any) -> None:
    """Send all ended entries (permissions to open servers) to a proxy that was restarted."""
    for id_ in list(_ended)[-_MOST:]:
        await _send_ended(proxy, id_)


async def _send_ended(proxy: Any, id_: str) -> None:
    """Send the id of an ended entry (a permission to open servers) to the proxy, which then refuses
    each cookie with this entry."""
    await proxy.api_request(f"sitekit/ended/{id_}?until={_ended[id_]}", method="POST")


HANDLERS = {OAuthAuthorizeHandler: AuthorizeHandler, login.LogoutHandler: EndingLogoutHandler}
"""Maps handlers of JupyterHub to the handlers in this module that replace them."""
