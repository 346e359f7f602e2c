"""Remove credentials from requests and answers that pass through jupyter-server-proxy.

A program behind the proxy must neither read nor set the cookies of the hub.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

COOKIES = ("jupyter", "_xsrf", "sitekit", "username-", "_shib", "mod_auth_openidc", "_oauth2_proxy")
"""Prefixes of the cookies of the hub, the user's server and the web server. Whoever has such a
cookie can act as the user."""

PREFIXES = ("__Host-", "__Secure-", "__Http-", "__Host-Http-")
HIDDEN = ("Authorization", "X-XSRFToken")
REFUSED = ("Clear-Site-Data", "Service-Worker-Allowed", "Set-Cookie2", "Strict-Transport-Security")
"""Headers of an answer that would delete or change the browser's data for the hub's other pages."""


def is_ours(cookie: str) -> bool:
    """Return whether a cookie with this name belongs to the hub, a server or the web server."""
    name = cookie.strip()
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.lower().startswith(COOKIES)


def cleaned_request(headers: Any, by_token: bool) -> Any:
    """Return the headers of a request as the program may see them.

    An Authorization header is passed on only if the header is meant for the program. The header
    with which the browser was admitted to this server is removed.
    """
    value = headers.get("Authorization", "")
    own = value and not by_token and not value.lower().startswith("token ")
    for name in HIDDEN:
        if name in headers and not (name == "Authorization" and own):
            del headers[name]
    cookies = [part for part in "; ".join(headers.get_list("Cookie")).split(";") if part.strip()]
    if "Cookie" in headers:
        del headers["Cookie"]
    if kept := [part.strip() for part in cookies if not is_ours(part.partition("=")[0])]:
        headers["Cookie"] = "; ".join(kept)
    if "Referer" in headers:
        headers["Referer"] = without_token(headers["Referer"])
    return headers


def without_token(address: str) -> str:
    """Return a URL without the query parameter `token`.

    JupyterHub's servers accept this parameter as a login.
    """
    parts = urlsplit(address)
    kept = [
        pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) != "token"
    ]
    return urlunsplit(parts._replace(query="&".join(kept)))


def clean_answer(headers: Any, context: str) -> None:
    """Remove headers from an answer so that the program can set cookies for its own path only."""
    for name in REFUSED:
        if name in headers:
            del headers[name]
    set_by_it = headers.get_list("Set-Cookie")
    if set_by_it:
        del headers["Set-Cookie"]
    for cookie in set_by_it:
        if (own := for_path(cookie, context)) is not None:
            headers.add("Set-Cookie", own)


def for_path(cookie: str, context: str) -> str | None:
    """Return a Set-Cookie header limited to the program's path, or None if it is not allowed."""
    first, *attributes = cookie.split(";")
    name = first.partition("=")[0].strip() if "=" in first else ""
    # A browser may read a cookie without a name as a cookie with another name.
    if not name or is_ours(name) or name.startswith(PREFIXES):
        return None
    path, kept = context, []
    for attribute in attributes:
        key, _, value = attribute.strip().partition("=")
        if (
            key.lower() == "path"
            and (value == context or value.startswith(f"{context}/"))
            and ".." not in value
        ):
            path = value
        elif key.lower() not in ("path", "domain"):
            kept.append(attribute.strip())
    return "; ".join([first.strip(), f"Path={path}", *kept])
