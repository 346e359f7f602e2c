"""Load a server extension at the first request for one of the extension's URLs.

Many extensions are used in few sessions, but their libraries would be imported at each start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Router, Rule


class FirstRequest(Router):
    """Load an extension at the first request. After the extension was loaded, the extension's own
    handlers answer the first request too. tornado uses the first rule that matches. `load` adds the
    extension's handlers after this rule.
    """

    SUPPORTED_METHODS = ()
    """None: Jupyter Server looks here for methods of handlers that need no authentication."""

    def __init__(self, load: Callable[[], None]) -> None:
        self._load: Callable[[], None] | None = load

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> None:
        """Load the extension, and return None: the next routing rules then handle the request."""
        self.load()

    def load(self) -> None:
        """Load the extension, unless it is loaded already."""
        if self._load:
            load, self._load = self._load, None
            load()


def load_at_first_request(server: Any, path: str, load: Callable[[Any], None]) -> None:
    """Call `load(server)` at the first request below `path`. A failure is logged, and not repeated.

    `path` is relative to the server's own URL.
    """

    def logged() -> None:
        try:
            load(server)
        except Exception:
            server.log.exception("The extension of %s failed to load.", path)

    pattern = f"{server.web_app.settings['base_url']}{path}/.*"
    server.web_app.add_handlers(".*$", [Rule(PathMatches(pattern), FirstRequest(logged))])
