"""Load a server extension at the first request for one of the extension's URLs.

Users use many of the extensions only in few sessions. Without this module, each start of a server
would import the libraries of these extensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Router, Rule


class FirstRequest(Router):
    """Load an extension at the first request. The extension's own handlers then also answer this
    first request. tornado tries its routing rules in their order. FirstRequest answers no request
    itself, and `load` adds the extension's handlers after the rule of FirstRequest.
    """

    SUPPORTED_METHODS = ()
    """Empty, because FirstRequest handles no method. Jupyter Server reads this attribute of each
    handler when it searches for methods that need no authentication."""

    def __init__(self, load: Callable[[], None]) -> None:
        self._load: Callable[[], None] | None = load

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> None:
        """Load the extension, and return None. Because the result is None, tornado tries the next
        routing rules, and one of these handles the request."""
        self.load()

    def load(self) -> None:
        """Load the extension, if it is not loaded yet."""
        if self._load:
            load, self._load = self._load, None
            load()


def load_at_first_request(server: Any, path: str, load: Callable[[Any], None]) -> None:
    """Call `load(server)` at the first request below `path`. If the call fails, the failure is
    logged, and the call is not repeated.

    `path` is relative to the server's own URL.
    """

    def logged() -> None:
        try:
            load(server)
        except Exception:
            server.log.exception("The extension of %s failed to load.", path)

    pattern = f"{server.web_app.settings['base_url']}{path}/.*"
    server.web_app.add_handlers(".*$", [Rule(PathMatches(pattern), FirstRequest(logged))])
