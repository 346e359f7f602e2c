"""Log in the users whom the front (the site's web server, here Apache) has authenticated. For one
page of the hub, Apache runs the site's own login, such as Shibboleth, and adds two headers to the
request: the user's name, and a secret that only Apache and the hub have. If a browser's request
already contains the headers for name and secret, Apache refuses the request. Internal TLS prevents
other programs from connecting to proxy and hub.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
from typing import Any, ClassVar

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.httputil import HTTPHeaders

from ...base.errors import shown
from ...base.language import gettext as _
from ...contracts.front_login import HEADERS, PAGE, SECRET
from ...site import Site
from ..servers.unix_accounts_of_users import ASK, AccountMap, NoAccount, NotNow
from .claims import Claims, Refusal, are_meant, check_admitted, name_and_domain, provider_of
from .front_headers import user_of
from .recheck_users import check_again
from .record_provider_logins import Identity, LastLogins, NoWord
from .remove_admin_from_refused_user import take_rights

log = logging.getLogger("JupyterHub")


class FrontLoginHandler(BaseHandler):
    """Handle the one page of the hub to which the front adds its headers."""

    async def get(self) -> None:
        """Log the user in, and redirect the browser to the page that the browser had requested
        first."""
        user = await self.login_user()
        if user is None:
            raise web.HTTPError(403, _("You may not log in to this site."))
        self.redirect(self.get_next_url(user))


class AtFront(Authenticator):
    """Decide, by the site file, which of the users whom the front has authenticated may log in, and
    which users are administrators."""

    site: ClassVar[Site]
    accounts: ClassVar[AccountMap]
    logins: ClassVar[LastLogins]
    secret: ClassVar[str] = ""

    def login_url(self, base_url: str) -> str:
        """Return the URL of the page of the hub at which the front logs users in."""
        return str(url_path_join(base_url, PAGE))

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return [(PAGE, FrontLoginHandler)]

    async def authenticate(self, handler: Any, data: Any = None) -> dict[str, Any]:
        """Return JupyterHub's data about the user. Raises HTTPError with the reason.

        JupyterHub also calls this method for requests from its password form and its REST API,
        which contain no front headers.
        """
        if not isinstance(handler, FrontLoginHandler):
            what = _("Log in with your organization's login: there is no password.")
            raise web.HTTPError(403, what)
        login = self.site.login
        try:
            told = {login.claim: self._told(handler.request.headers)}
            claims = Claims(*name_and_domain(login, told))
            identity = provider_of(login), told[login.claim].lower()
            self.logins.check_identity(claims.name, identity)
            await self._admit(claims)
            self.logins.record(claims.name, identity, claims)
        except (Refusal, NoAccount) as refusal:
            log.warning("Login refused: %s", refusal)
            if isinstance(refusal, Refusal) and refusal.user:
                await take_rights(handler, refusal.user)
            raise web.HTTPError(403, str(refusal)) from refusal
        self.accounts.refused.pop(claims.name, None)
        return {"name": claims.name, "admin": are_meant(login.admins, claims)}

    def _told(self, headers: HTTPHeaders) -> str:
        """Return the user's name from the front's headers. Raises Refusal if the name or the secret
        is wrong or missing."""
        sent = {key: headers.get_list(name) for key, name in HEADERS.items()}
        return user_of(sent["user"], sent["proof"], self.secret)

    async def _admit(self, claims: Claims) -> None:
        """Raise Refusal or NoAccount if this user may not log in, or has no account for servers."""
        if self.site.login.allow.anybody:
            check_admitted(self.site.login, claims)
        account = await self.accounts.determine(claims.name)
        groups = self.site.login.allowed_groups
        if groups and not self.site.slurm.ssh:  # else the gate on the login node checks the groups
            await asyncio.to_thread(check_member, account, groups)

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Check again, every few minutes (auth_refresh_age) and before each start of a server,
        whether a user may be logged in.

        The hub cannot query the web server (the front) for a user's name without a request from the
        user's browser. Users have to log in again some hours after their login so that the web
        server reports their name again. The new login needs no click while the session at the
        organization's own login is valid.
        """
        return await check_again(
            self.site,
            self.accounts,
            user,
            handler,
            find_claims=lambda: self.logins.claims_now(user.name, _cannot_be_asked),
            admit=self._admit,
        )

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Return whether authenticate() has accepted the user."""
        return bool(authentication)

    async def check_blocked_users(self, username: str, authentication: Any = None) -> bool:
        """Return True (not blocked), because a user who may not log in was refused in an earlier
        step."""
        return True

    def delete_user(self, user: Any) -> None:
        """Delete the recorded login of a user whom an administrator deletes from the hub."""
        super().delete_user(user)
        self.logins.forget(user.name)


async def _cannot_be_asked(tokens: Any) -> tuple[Identity, Claims]:
    """Raise NoWord, because the front cannot report a user's name without the user's browser. After
    NoWord, the caller uses the recorded last login as long as this login is valid."""
    raise NoWord


def check_member(account: str, groups: tuple[str, ...]) -> None:
    """Raise NoAccount if the account is not a member of any of the Unix groups. Raise NotNow if the
    account or a group cannot be looked up now."""
    try:
        entry = pwd.getpwnam(account)
        own = set(os.getgrouplist(account, entry.pw_gid))
        allowed = {grp.getgrnam(name).gr_gid for name in groups}
    except (KeyError, OSError):
        raise NotNow(_("The directory of accounts does not answer now. Try again.")) from None
    if not own & allowed:
        what = _("The account {account} may not use this site.", account=shown(account))
        raise NoAccount(f"{what} {_(ASK)}")


def update_front_login(c: Any, site: Site, accounts: AccountMap) -> None:
    """Set JupyterHub's configuration for logins at the front (the site's web server)."""
    AtFront.site, AtFront.accounts = site, accounts
    AtFront.logins = LastLogins(site, accounts.ledger)
    # removed from the hub's environment so that programs that the hub starts do not get the secret
    AtFront.secret = os.environ.pop(SECRET, "")
    c.JupyterHub.authenticator_class = AtFront
    c.Authenticator.auto_login = True
    c.Authenticator.any_allow_config = True  # check_allowed() decides who may log in
