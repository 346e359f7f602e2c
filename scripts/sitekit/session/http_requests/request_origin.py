"""Find out whether a page of another website caused a request to this server.

A page can cause a request by a link, a form, a frame, a picture or a script.
"""

from __future__ import annotations

from typing import Any


def is_foreign(handler: Any) -> bool:
    """Return whether a page of another website caused the request. Browsers report the origin of a
    request in headers that no page can set. If the header Sec-Fetch-Site is missing, a request with
    an API token is not foreign.
    """
    headers = handler.request.headers
    # All browsers send this header since 2023. `none` means that the user typed the address or
    # opened a bookmark.
    if "Sec-Fetch-Site" in headers:
        return headers["Sec-Fetch-Site"] not in ("same-origin", "none")
    if handler.token_authenticated:
        return False
    return not (handler.check_origin() if "Origin" in headers else handler.check_referer())


def is_navigation(handler: Any) -> bool:
    """Return whether the browser will show the response as a page. On such a page, the user can
    confirm the request."""
    headers = handler.request.headers
    if handler.request.method != "GET":
        return False
    if "Sec-Fetch-Site" in headers:
        return headers.get("Sec-Fetch-Dest") == "document"
    return "websocket" not in headers.get("Upgrade", "").lower()
