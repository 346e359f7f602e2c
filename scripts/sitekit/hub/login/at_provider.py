"""Log users in at a provider by OAuth 2.0: what all providers have in common.

The classes of oauthenticator talk with the provider. This class decides who is admitted, and makes
a refusal in words of each odd answer. No token of the provider is kept.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthenticator, OAuthLoginHandler
from tornado import web
from tornado.httpclient import HTTPClientError

from ...site import Site
from .accounts import AccountMap, NoAccount
from .claims import Claims, Refusal, are_meant, check_admitted, name_and_domain, service_of

STATE = "__Host-sitekit-login"
"""The cookie that binds a login to the browser in which it began.

oauthenticator's own cookie could be set by a page of another host of this domain. Such a page could
log somebody in as another user.
"""
ADMITTED = {"admitted": True}
ODD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What oauthenticator raises if an answer lacks a key, or has another form (oauth2.py)."""
log = logging.getLogger("JupyterHub")


class StateCookie:
    """Keep the state of a login in a cookie that only this host can set."""

    _state_cookie: str | None = None

    def set_state_cookie(self: Any, value: str) -> None:
        """Set the cookie for the time that a login takes."""
        self._set_cookie(STATE, value, expires_days=1)

    def get_state_cookie(self: Any) -> str:
        """Return the cookie, and remove it from the browser."""
        if self._state_cookie is None:
            self._state_cookie = (self.get_secure_cookie(STATE) or b"").decode("utf8", "replace")
            self.clear_cookie(STATE, secure=True)
        return str(self._state_cookie)


class LoginHandler(StateCookie, OAuthLoginHandler):
    """Send the browser to the provider."""

    async def get(self) -> None:
        """Find out the provider's addresses, and send the browser there."""
        try:
            await self.authenticator.discover()
        except Exception as error:
            raise self.authenticator.in_words(error) from error
        super().get()


class CallbackHandler(StateCookie, OAuthCallbackHandler):
    """Receive the browser from the provider."""

    def check_arguments(self) -> None:
        """Check the state first.

        oauthenticator first shows the error that the address names (oauth2.py, check_arguments). So
        any link could show its own text on a page of the hub.
        """
        self.check_state()
        self.check_error()
        self.check_code()

    def check_state(self) -> None:
        """Refuse a login that did not begin in this browser.

        oauthenticator answers with an error 500 if the state is JSON but no object (oauth2.py).
        """
        try:
            super().check_state()
        except (web.HTTPError, AttributeError, ValueError):
            raise web.HTTPError(
                403, "This login did not begin in this browser, or began long ago. Log in again."
            ) from None


async def take_rights(handler: Any, name: str) -> None:
    """Take the rights of an administrator from a user whom the site no longer admits.

    JupyterHub changes no user whose login is refused, so that a former administrator's tokens would
    keep all rights.
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
        login, state = self.site.login, auth_model["auth_state"]
        name, domain = name_and_domain(login, state["claims"])
        claims = await self.more_claims(Claims(name, domain), state["tokens"], state["claims"])
        check_admitted(login, claims)
        try:
            await self.accounts.determine(name)
        except NoAccount as none:
            raise Refusal(str(none), name) from none
        admin = are_meant(login.admins, claims)
        return {"name": name, "admin": admin, "auth_state": dict(ADMITTED)}

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
