"""Detect whether a page of another site caused a request.

Such a page can use a link, a form, a frame, an image or a script.
"""

from __future__ import annotations

from typing import Any


def is_foreign(handler: Any) -> bool:
    """Return whether a page of another site caused this request.

    Browsers send this information in headers that no page can set. A request with an API token does
    not come from another site's page.
    """
    headers = handler.request.headers
    # All browsers since 2023 send this header. Its value is `none` for typed URLs and bookmarks.
    if "Sec-Fetch-Site" in headers:
        return headers["Sec-Fetch-Site"] not in ("same-origin", "none")
    if handler.token_authenticated:
        return False
    return not (handler.check_origin() if "Origin" in headers else handler.check_referer())


def is_navigation(handler: Any) -> bool:
    """Return whether the browser shows the answer as a page, on which the user can be asked."""
    headers = handler.request.headers
    return handler.request.method == "GET" and (
        headers.get("Sec-Fetch-Dest") == "document"
        if "Sec-Fetch-Site" in headers
        else "websocket" not in headers.get("Upgrade", "").lower()
    )
