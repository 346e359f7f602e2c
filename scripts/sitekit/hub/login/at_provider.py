"""Log users in at a provider by OAuth 2.0: what all providers have in common.

The classes of oauthenticator talk with the provider. This class decides who is admitted, and makes
a refusal in words of each odd answer. No token of the provider is stored.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar

from oauthenticator.oauth2 import OAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError

from ...site import Site
from .accounts import AccountMap, NoAccount, NotNow
from .claims import (
    Claims,
    Refusal,
    are_meant,
    check_admitted,
    identity_of,
    name_and_domain,
    service_of,
)
from .last_login import Identity, LastLogins, NoWord
from .login_handlers import CallbackHandler, LoginHandler

ADMITTED = {"admitted": True}
UNAUTHORIZED = 401
ASK_TIMEOUT = 5.0  # seconds that a page waits for the provider, when a user is checked again
ODD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What oauthenticator raises if an answer lacks a key, or has another form (oauth2.py)."""
log = logging.getLogger("JupyterHub")


async def take_rights(handler: Any, name: str) -> None:
    """Take the rights of an administrator from a user whom the site no longer admits.

    JupyterHub changes no user whose login is refused or who has to log in again, so that a former
    administrator's tokens would keep all rights.
    """
    user = handler.find_user(name)
    if user is not None and user.admin:
        log.warning("%s is no administrator any more", name)
        await handler.auth_to_user({"name": name, "admin": False}, user)


class AtProvider(OAuthenticator):
    """Log users in at a provider, and decide by the site file who they are.

    The subclass of a provider comes before oauthenticator's class of this provider.
    """

    site: ClassVar[Site]
    accounts: ClassVar[AccountMap]
    logins: ClassVar[LastLogins]
    login_handler = LoginHandler
    callback_handler = CallbackHandler

    async def discover(self) -> None:
        """Find out the provider's addresses, if these are not fixed."""

    async def authenticate(self, handler: Any, data: Any = None, **more: Any) -> Any:
        """Return the user's model. Raises HTTPError with the reason of a refusal.

        oauthenticator answers with an error 500 if the provider is down, or if an answer has
        another form than expected (oauth2.py). JupyterHub calls this method for its password form
        and its REST API too, where no state has been checked.
        """
        if not isinstance(handler, CallbackHandler):
            raise web.HTTPError(
                403, f"Log in at {service_of(self.site.login)}: there is no password."
            )
        try:
            await self.discover()
            return await super().authenticate(handler, data, **more)
        except (Refusal, web.HTTPError, HTTPClientError, OSError, *ODD) as error:
            if isinstance(error, Refusal) and error.user:
                await take_rights(handler, error.user)
            raise self.in_words(error) from error

    def in_words(self, error: Exception) -> Exception:
        """Return the error that tells the user why the login is refused."""
        service = service_of(self.site.login)
        if isinstance(error, Refusal):
            log.warning("Login refused: %s", error)
            return web.HTTPError(403, str(error))
        if isinstance(error, web.HTTPError) and error.status_code < 500:
            return error
        if isinstance(error, HTTPClientError) and 400 <= error.code < 500:
            log.warning("%s refuses a login: %s", service, error)
            return web.HTTPError(403, f"{service} did not confirm this login. Log in again.")
        if isinstance(error, HTTPClientError | OSError):
            log.error("%s does not answer: %s", service, error)
            return web.HTTPError(503, f"{service} does not answer. Try again in a few minutes.")
        if isinstance(error, (web.HTTPError, *ODD)):
            # without the error's text, which may have the provider's whole answer
            log.error("%s gave an answer of an unknown form: %s", service, type(error).__name__)
            return web.HTTPError(
                403, f"{service} gave an answer that this site does not understand. Log in again."
            )
        return error

    def user_info_to_username(self, user_info: Any) -> str:
        """Return the user's name, checked. Raises Refusal.

        oauthenticator answers with an error 500 if the claim is missing or no text, and logs all
        claims (oauth2.py). For Globus it drops every domain, so that users of two organizations get
        one name (globus.py).
        """
        return name_and_domain(self.site.login, user_info)[0]

    def build_auth_state_dict(self, token_info: Any, user_info: Any) -> dict[str, Any]:
        """Return what the checks below need. JupyterHub does not store it.

        oauthenticator's class for Globus fails if the answer has no `other_tokens` (globus.py).
        """
        return {"tokens": token_info, "claims": user_info}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Return the model of an admitted user. Raises Refusal.

        oauthenticator leaves a former administrator's rights as they are (oauth2.py, where `admin`
        is None), and its class for GitHub fails if the user has no key `email` (github.py).
        """
        tokens, told = auth_model["auth_state"]["tokens"], auth_model["auth_state"]["claims"]
        # before anything else: somebody else's name decides nothing about its owner
        self.logins.check_identity(auth_model["name"], identity_of(self.site.login, told))
        identity, claims = await self.ask(tokens, told)
        if self.logins.knows(claims.name, identity):
            # what the provider says now counts for the sessions in other browsers too
            self.logins.record(claims.name, identity, claims, tokens)
        check_admitted(self.site.login, claims)
        try:
            await self.accounts.determine(claims.name)
        except NoAccount as none:
            raise Refusal(str(none), "" if isinstance(none, NotNow) else claims.name) from none
        self.logins.record(claims.name, identity, claims, tokens)
        self.accounts.refused.pop(claims.name, None)
        admin = are_meant(self.site.login.admins, claims)
        return {"name": claims.name, "admin": admin, "auth_state": dict(ADMITTED)}

    async def ask(self, tokens: Any, told: Any) -> tuple[Identity, Claims]:
        """Return who the user is at the provider, and all claims that decide. Raises Refusal."""
        login = self.site.login
        name, domain = name_and_domain(login, told)
        claims = await self.more_claims(Claims(name, domain), tokens, told)
        return identity_of(login, told), claims

    async def ask_again(self, tokens: Any) -> tuple[Identity, Claims]:
        """Ask the provider with the tokens of an earlier login. Raises Refusal and NoWord."""
        try:
            return await asyncio.wait_for(self._tell_and_ask(tokens), ASK_TIMEOUT)
        except HTTPClientError as error:
            if error.code == UNAUTHORIZED:
                raise Refusal("the provider does not confirm the login any more") from error
            raise NoWord from error
        except (web.HTTPError, OSError, asyncio.TimeoutError, *ODD) as error:
            raise NoWord from error

    async def _tell_and_ask(self, tokens: Any) -> tuple[Identity, Claims]:
        await self.discover()
        told = await self.token_to_user(tokens)
        self.user_info_to_username(told)  # refuses what this provider must not say
        return await self.ask(tokens, told)

    async def refresh_user(self, user: Any, handler: Any = None, **more: Any) -> Any:
        """Check a user again every few minutes (auth_refresh_age), and before each start.

        oauthenticator checks nobody again without stored tokens (oauth2.py). So a user who has left
        an organization would stay logged in, and stay an administrator.
        """
        try:
            claims = await self.logins.claims_now(user.name, self.ask_again)
            check_admitted(self.site.login, claims)
            try:
                await self.accounts.determine(user.name)
            except NotNow as later:
                log.warning("The account of %s is not looked up again: %s", user.name, later)
        except (Refusal, NoAccount) as refusal:
            log.warning("%s has to log in again: %s", user.name, refusal)
            self.accounts.refused[user.name] = str(refusal)
            await take_rights(handler, user.name)
            return False
        self.accounts.refused.pop(user.name, None)
        return {"name": user.name, "admin": are_meant(self.site.login.admins, claims)}

    def delete_user(self, user: Any) -> None:
        """Forget who a user is whom an administrator deletes from the hub."""
        super().delete_user(user)
        self.logins.forget(user.name)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Return the handlers of a login.

        oauthenticator adds one for the logout, which would take the place of sitekit's, and leave
        sessions of other browsers as they are (oauth2.py).
        """
        return [
            (path, handler)
            for path, handler in super().get_handlers(app)
            if handler is not self.logout_handler
        ]

    async def more_claims(self, claims: Claims, tokens: Any, told: Any) -> Claims:
        """Return the claims with organizations and groups."""
        return claims

    async def check_allowed(self, username: str, auth_model: Any) -> bool:
        """Return whether update_auth_model() has admitted the user.

        oauthenticator admits whoever has no model (oauth2.py), and every administrator.
        """
        return bool(auth_model) and auth_model.get("auth_state") == ADMITTED

    async def check_blocked_users(self, username: str, authentication: Any) -> bool:
        """Return True: whom the site does not admit was refused already."""
        return True

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Do nothing.

        oauthenticator's class for Globus puts tokens into the server's environment (globus.py).
        """
