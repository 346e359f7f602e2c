"""Redirect a browser to the login provider, and handle the provider's redirect back to the hub."""

from __future__ import annotations

import secrets
from typing import Any

from oauthenticator.oauth2 import (
    OAuthCallbackHandler,
    OAuthLoginHandler,
    _deserialize_state,
    _serialize_state,
)
from tornado import web

from ...base.language import gettext as _

STATE = "__Host-sitekit-login"
"""The name of the cookie that binds a login to the browser in which the login began.

A page of another host in this domain could set oauthenticator's own cookie, and could thereby log a
person in as another user.
"""


class StateCookie:
    """Store OAuth's `state` in a cookie that only this host can set."""

    _state_cookie: str | None = None

    def set_state_cookie(self: Any, value: str) -> None:
        """Set the cookie, which expires after one day, the longest time that a login may take."""
        self._set_cookie(STATE, value, expires_days=1)

    def get_state_cookie(self: Any) -> str:
        """Return the value of the cookie, and delete the cookie in the browser."""
        if self._state_cookie is None:
            self._state_cookie = (self.get_secure_cookie(STATE) or b"").decode("utf8", "replace")
            self.clear_cookie(STATE, secure=True)
        return str(self._state_cookie)


class LoginHandler(StateCookie, OAuthLoginHandler):
    """Handle the start of a login: redirect the browser to the provider."""

    async def get(self) -> None:
        """Find out the provider's URLs, then redirect the browser to the provider."""
        try:
            await self.authenticator.discover()
        except Exception as error:
            raise self.authenticator.in_words(error) from error
        super().get()


class CallbackHandler(StateCookie, OAuthCallbackHandler):
    """Handle the end of a login: the provider has redirected the browser back to the hub."""

    def check_arguments(self) -> None:
        """Check OAuth's `state` before all other arguments.

        Because oauthenticator's own method first shows the error text from the URL (oauth2.py,
        check_arguments), any link could show its own text on a page of the hub.
        """
        self.check_state()
        self.check_error()
        self.check_code()

    def check_state(self) -> None:
        """Refuse a login that did not begin in this browser.

        oauthenticator's own method answers with an error 500 if the `state` is JSON, but not a JSON
        object. Because oauthenticator's method also logs an unreadable `state`, an attacker could
        write false lines to the log (oauth2.py).
        """
        began = self.get_state_cookie()
        state = began and _serialize_state({"state_id": _deserialize_state(began).get("state_id")})
        if not state or not secrets.compare_digest(
            self.get_argument("state", "").encode(), state.encode()
        ):
            raise web.HTTPError(
                403,
                _("This login did not begin in this browser, or began long ago. Log in again."),
            )
