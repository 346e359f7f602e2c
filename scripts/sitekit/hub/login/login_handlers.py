"""Send a browser to the provider, and receive it from there."""

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

STATE = "__Host-sitekit-login"
"""The cookie that binds a login to the browser in which it began.

oauthenticator's own cookie could be set by a page of another host of this domain. Such a page could
log somebody in as another user.
"""


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

        oauthenticator answers with an error 500 if the state is JSON but no object, and writes a
        state that it cannot read into the log, where it may look like another line (oauth2.py).
        """
        began = self.get_state_cookie()
        state = began and _serialize_state({"state_id": _deserialize_state(began).get("state_id")})
        if not state or not secrets.compare_digest(
            self.get_argument("state", "").encode(), state.encode()
        ):
            raise web.HTTPError(
                403, "This login did not begin in this browser, or began long ago. Log in again."
            )
