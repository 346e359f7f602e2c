"""Log users in at a provider, such as GitHub, by OAuth 2.0.

This module contains the code that is the same for all login providers. The classes of the package
oauthenticator send the requests to the provider. The class AtProvider decides who may log in. If an
answer of the provider has an unexpected form, the hub refuses the login and shows the user the
reason. No token of the provider is stored on disk.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar

from oauthenticator.oauth2 import OAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError

from ...base.language import gettext as _
from ...site import Site
from ..servers.unix_accounts_of_users import AccountMap, NoAccount, NotNow
from .claims import (
    Claims,
    Refusal,
    account_of,
    are_meant,
    check_admitted,
    identity_of,
    name_and_domain,
    service_of,
)
from .provider_login_handlers import CallbackHandler, LoginHandler
from .recheck_users import check_again
from .record_provider_logins import Identity, LastLogins, NoWord
from .remove_admin_from_refused_user import take_rights

ADMITTED = {"admitted": True}
UNAUTHORIZED = 401
ASK_TIMEOUT = 5.0  # seconds for which a page waits for the provider at a later check of a user
ODD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""The exceptions that oauthenticator raises if the provider's answer lacks a key or has an
unexpected form (oauth2.py)."""
log = logging.getLogger("JupyterHub")


class AtProvider(OAuthenticator):
    """Log users in at a provider. Decide, by the site file, who may log in and who is an
    administrator.

    A class for one provider inherits from AtProvider first, and then from oauthenticator's class
    for this provider.
    """

    site: ClassVar[Site]
    accounts: ClassVar[AccountMap]
    logins: ClassVar[LastLogins]
    login_handler = LoginHandler
    callback_handler = CallbackHandler

    async def discover(self) -> None:
        """Find out the provider's URLs. Does nothing if the URLs are fixed."""

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Any:
        """Return JupyterHub's data about the user who logs in.

        Raises HTTPError with the reason if the login is refused. oauthenticator's own method
        answers with an error 500 if the provider is down, or if an answer has an unexpected form
        (oauth2.py). JupyterHub also calls this method for its password form and its REST API, where
        OAuth's `state` has not been checked.
        """
        if not isinstance(handler, CallbackHandler):
            service = service_of(self.site.login)
            what = _("Log in at {service}: there is no password.", service=service)
            raise web.HTTPError(403, what)
        try:
            await self.discover()
            return await super().authenticate(handler, data, **more)
        except (Refusal, web.HTTPError, HTTPClientError, OSError, *ODD) as error:
            if isinstance(error, Refusal) and error.user:
                await take_rights(handler, error.user)
            raise self.in_words(error) from error

    def in_words(self, error: Exception) -> Exception:
        """Convert an exception to an HTTP error whose text contains the reason why the login is
        refused."""
        service = service_of(self.site.login)
        if isinstance(error, Refusal):
            log.warning("Login refused: %s", error)
            return web.HTTPError(403, str(error))
        if isinstance(error, web.HTTPError) and error.status_code < 500:
            return error
        if isinstance(error, HTTPClientError) and 400 <= error.code < 500:
            log.warning("%s refuses a login: %s", service, error)
            what = _("{service} did not confirm this login. Log in again.", service=service)
            return web.HTTPError(403, what)
        if isinstance(error, HTTPClientError | OSError):
            log.error("%s does not answer: %s", service, error)
            what = _("{service} does not answer. Try again in a few minutes.", service=service)
            return web.HTTPError(503, what)
        if isinstance(error, (web.HTTPError, *ODD)):
            # do not log the text of the error, because this text can contain the provider's whole
            # answer
            log.error("%s gave an answer of an unknown form: %s", service, type(error).__name__)
            what = _("{service} gave an answer of an unknown form. Log in again.", service=service)
            return web.HTTPError(403, what)
        return error

    def user_info_to_username(self, user_info: Any) -> str:
        """Check the user's name and return it. Raises Refusal if the name is missing or not
        allowed.

        oauthenticator's own method answers with an error 500 if the claim is missing or is not
        text, and logs all claims (oauth2.py). For Globus, users of two organizations could get the
        same name, because oauthenticator removes every domain (globus.py).
        """
        return name_and_domain(self.site.login, user_info)[0]

    def build_auth_state_dict(self, token_info: Any, user_info: Any) -> dict[str, Any]:
        """Return the claims and tokens that the checks in this class need.

        JupyterHub does not store these claims and tokens. oauthenticator's method for Globus fails
        if the answer has no `other_tokens` (globus.py).
        """
        return {"tokens": token_info, "claims": user_info}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Return JupyterHub's data about a user who may log in. Raises Refusal for a user who may
        not log in.

        The method also removes the rights of a former administrator, which oauthenticator's own
        method keeps (oauth2.py, where `admin` is None). This method accepts users of GitHub without
        the key `email`, with whom oauthenticator's method fails (github.py).
        """
        tokens, told = auth_model["auth_state"]["tokens"], auth_model["auth_state"]["claims"]
        # check this first, because a person who logs in with another person's name must not change
        # that person's rights
        self.logins.check_identity(auth_model["name"], identity_of(self.site.login, told))
        identity, claims = await self.ask(tokens, told)
        if self.logins.knows(claims.name, identity):
            # the provider's new answer also applies to the user's sessions in other browsers
            self.logins.record(claims.name, identity, claims, tokens)
        check_admitted(self.site.login, claims)
        try:
            await self.accounts.determine(claims.name, claims.account)
        except NoAccount as none:
            raise Refusal(str(none), "" if isinstance(none, NotNow) else claims.name) from none
        self.logins.record(claims.name, identity, claims, tokens)
        self.accounts.refused.pop(claims.name, None)
        admin = are_meant(self.site.login.admins, claims)
        return {"name": claims.name, "admin": admin, "auth_state": dict(ADMITTED)}

    async def ask(self, tokens: Any, told: Any) -> tuple[Identity, Claims]:
        """Query the provider for the user's identity, and for all claims that the site's rules use.
        Raises Refusal."""
        login = self.site.login
        name, domain = name_and_domain(login, told)
        found = Claims(name, domain, account_of(login, told))
        claims = await self.more_claims(found, tokens, told)
        return identity_of(login, told), claims

    async def ask_again(self, tokens: Any) -> tuple[Identity, Claims]:
        """Query the provider again, with the tokens of an earlier login. Raises Refusal if the
        provider refuses, or NoWord if the provider does not answer."""
        try:
            return await asyncio.wait_for(self._tell_and_ask(tokens), ASK_TIMEOUT)
        except HTTPClientError as error:
            if error.code == UNAUTHORIZED:
                raise Refusal(_("the provider does not confirm the login any more")) from error
            raise NoWord from error
        except (web.HTTPError, OSError, asyncio.TimeoutError, *ODD) as error:
            raise NoWord from error

    async def _tell_and_ask(self, tokens: Any) -> tuple[Identity, Claims]:
        await self.discover()
        told = await self.token_to_user(tokens)
        self.user_info_to_username(told)  # raises Refusal for claims that are not allowed
        return await self.ask(tokens, told)

    async def refresh_user(self, user: Any, handler: Any = None, **more: Any) -> Any:
        """Check a user again every few minutes (auth_refresh_age), and before each start of a
        server.

        oauthenticator's own method does nothing if tokens are not stored (oauth2.py). Without a
        later check, a user who has left an organization would stay logged in, and stay an
        administrator.
        """
        return await check_again(
            self.site,
            self.accounts,
            user,
            handler,
            find_claims=lambda: self.logins.claims_now(user.name, self.ask_again),
            admit=self._admit,
        )

    async def _admit(self, claims: Claims) -> None:
        """Raise Refusal or NoAccount if this user is not allowed to have servers."""
        check_admitted(self.site.login, claims)
        await self.accounts.determine(claims.name, claims.account)

    def delete_user(self, user: Any) -> None:
        """Delete the recorded identity of a user whom an administrator deletes from the hub."""
        super().delete_user(user)
        self.logins.forget(user.name)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Return the HTTP handlers for the login.

        oauthenticator's own list also contains a handler for the logout, which would replace
        sitekit's handler and would not end the sessions in other browsers (oauth2.py).
        """
        return [
            (path, handler)
            for path, handler in super().get_handlers(app)
            if handler is not self.logout_handler
        ]

    async def more_claims(self, claims: Claims, tokens: Any, told: Any) -> Claims:
        """Return the claims. A subclass adds the user's organizations and groups."""
        return claims

    async def check_allowed(self, username: str, auth_model: Any) -> bool:
        """Return whether update_auth_model() has accepted the user.

        oauthenticator's own method also accepts every administrator, and a user for whom
        `auth_model` is None (oauth2.py).
        """
        return bool(auth_model) and auth_model.get("auth_state") == ADMITTED

    async def check_blocked_users(self, username: str, authentication: Any) -> bool:
        """Return True (not blocked), because a user who may not log in was refused in an earlier
        step."""
        return True

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Do nothing before a server starts.

        oauthenticator's own method for Globus would put the provider's tokens into the environment
        of the user's server (globus.py).
        """
