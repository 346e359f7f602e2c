"""Whether a page of another site sent the browser here, by a link, a form, a frame, a picture or a
script."""

from __future__ import annotations

from typing import Any


def is_foreign(handler: Any) -> bool:
    """As browsers tell it in headers that no page can set. A program that brings a token is not
    foreign."""
    headers = handler.request.headers
    # all browsers since 2023; `none` is an address typed, or a bookmark
    if "Sec-Fetch-Site" in headers:
        return headers["Sec-Fetch-Site"] not in ("same-origin", "none")
    if handler.token_authenticated:
        return False
    return not (handler.check_origin() if "Origin" in headers else handler.check_referer())


def is_navigation(handler: Any) -> bool:
    """Whether the answer becomes a page of its own, and can ask the user something."""
    headers = handler.request.headers
    return handler.request.method == "GET" and (
        headers.get("Sec-Fetch-Dest") == "document"
        if "Sec-Fetch-Site" in headers
        else "websocket" not in headers.get("Upgrade", "").lower()
    )
