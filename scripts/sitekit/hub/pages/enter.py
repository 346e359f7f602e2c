"""Who may open whose server, on one domain: the hub says it by a cookie (entry.py), and the proxy
asks for that.

Owners get it with their login, and whenever it is missing. Who else may open a server, an
administrator or somebody with whom it is shared, first reads whom they trust, and says so by a
click.
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

from ...site import Site
from ..login.sessions import LogoutHandler
from . import entry_cookie

log = logging.getLogger(__name__)

PATH = r"/sitekit/enter"
OTHERS_SECONDS = 12 * 3600  # for which a click holds: a day at work
# JupyterHub's words (handlers/base.py, UserUrlHandler)
NOT_FOUND = "No access to resources or resources not found"
_PAGE = re.compile(r"/user/([^/?#]+)(/[^?#]*)?([?].*)?")
_PATIENCE = 5  # seconds for the proxy to take note of a logout
_MOST = 1000  # of the latest logouts are told again to a proxy that has started anew
# entries of this hub's life that ended, until when they would have lasted
_ended: dict[str, int] = {}
_DOTS = {".", ".."}


def let_owners_in(site: Site) -> None:
    """With each login comes the entry to one's own servers, in place of what another user left in
    the browser."""
    set_login_cookie, clear_login_cookie = (
        BaseHandler.set_login_cookie,
        BaseHandler.clear_login_cookie,
    )
    EnterHandler.own_seconds = int(site.login.session)

    def with_entry(handler: BaseHandler, user: User) -> None:
        set_login_cookie(handler, user)
        admit(handler, held(handler) or entry_cookie.Entry(user.name), user.name)

    def without_entry(handler: BaseHandler, *name: str) -> None:
        clear_login_cookie(handler, *name)
        handler.clear_cookie(entry_cookie.COOKIE, path="/", secure=True)

    BaseHandler.set_login_cookie, BaseHandler.clear_login_cookie = with_entry, without_entry


def held(handler: BaseHandler) -> entry_cookie.Entry | None:
    """What the browser has of the user who is logged in."""
    found = entry_cookie.read(
        handler.get_cookie(entry_cookie.COOKIE, ""), entry_cookie.key(handler.proxy.auth_token)
    )
    return found if found and found.user == handler.current_user.name else None


def admit(handler: BaseHandler, before: entry_cookie.Entry, owner: str) -> None:
    """Let the browser open the servers of `owner`, beside what it held before."""
    now = time.time()
    until = now + (EnterHandler.own_seconds if owner == before.user else OTHERS_SECONDS)
    entered = before.to(owner, until, now)
    handler.set_cookie(
        entry_cookie.COOKIE,
        entry_cookie.write(entered, entry_cookie.key(handler.proxy.auth_token)),
        path="/",
        max_age=max(entered.servers.values()) - int(now),
        secure=True,
        httponly=True,
        # A link from anywhere leads to one's own server; forms and frames of other sites do not.
        # With Strict a link from elsewhere would go in circles, for the cookie would not be sent
        # with the redirect either.
        samesite="Lax",
    )


class EnterHandler(BaseHandler):
    """/hub/sitekit/enter?next=/user/NAME/...: where the proxy sends a browser that has no entry to
    that server."""

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
    async def post(self) -> None:  # JupyterHub has compared the _xsrf of the form by now
        self._enter(self._owner())

    def _refused(self, owner: str) -> bool:
        """Whether the proxy did not take what this hub takes: sent back at once, the browser would
        go in circles."""
        before = held(self)
        return before is not None and before.opens(owner, time.time())

    def _enter(self, owner: str) -> None:
        before = held(self) or entry_cookie.Entry(self.current_user.name)
        if self._refused(owner):  # it has ended
            before = replace(before, id=secrets.token_urlsafe(16))
        admit(self, before, owner)
        self.redirect(self._next)

    def _owner(self) -> str:
        """Whose server it is, if the user who is logged in may open it. What else it says is
        JupyterHub's (404)."""
        self._next = self.get_argument("next", "", strip=False)
        page = _PAGE.fullmatch(self._next)
        parts = unquote(page[2] or "/").split("/") if page else []
        if (
            page is None
            or not self._next.isprintable()
            or "\\" in self._next
            or _DOTS & {unquote(page[1]), *parts}
        ):
            raise web.HTTPError(400, "next is not the address of a user's server")
        owner = unquote(page[1])
        if self.find_user(owner) is None:
            raise web.HTTPError(404, NOT_FOUND)
        names = {"", *parts[1:2]}  # the second part may be the name of a server
        if not any(self.has_scope(f"access:servers!server={owner}/{name}") for name in names):
            raise web.HTTPError(404, NOT_FOUND)
        return owner


class AuthorizeHandler(OAuthAuthorizeHandler):
    """A server's own cookie begins when the hub has authorized it; the entry is made to last as
    long."""

    def _complete_login(
        self, uri: str, headers: Any, scopes: Any, credentials: dict[str, Any]
    ) -> None:
        user = self.current_user
        if credentials["client_id"] in {
            spawner.oauth_client_id for spawner in user.spawners.values()
        }:
            admit(self, held(self) or entry_cookie.Entry(user.name), user.name)
        super()._complete_login(uri, headers, scopes, credentials)


class EndingLogoutHandler(LogoutHandler):
    """Whoever logs out takes the entry back, also from those who have a copy of the cookie."""

    async def default_handle_logout(self) -> None:
        if self.current_user and (ends := held(self)):
            _note_end(ends.id)
            try:
                await asyncio.wait_for(_tell(self.proxy, ends.id), _PATIENCE)
            except Exception as trouble:
                log.warning(
                    "The proxy was not told that %s has logged out: %s",
                    self.current_user.name,
                    trouble,
                )
        await super().default_handle_logout()


def _note_end(id_: str) -> None:
    """Those that would be over by now are forgotten: a hub lives for months."""
    now = int(time.time())
    for old in [old for old, until in _ended.items() if until < now]:
        del _ended[old]
    _ended[id_] = now + max(EnterHandler.own_seconds, OTHERS_SECONDS)


async def tell_again(proxy: Any) -> None:
    """What has ended, to a proxy that has started anew."""
    for id_ in list(_ended)[-_MOST:]:
        await _tell(proxy, id_)


async def _tell(proxy: Any, id_: str) -> None:
    await proxy.api_request(f"sitekit/ended/{id_}?until={_ended[id_]}", method="POST")


HANDLERS = {OAuthAuthorizeHandler: AuthorizeHandler, login.LogoutHandler: EndingLogoutHandler}
"""Whose place they take in JupyterHub's tables."""
