"""Remove the hub's tokens and cookies from requests that jupyter-server-proxy sends to a user's
program.

This module also removes headers from the program's response that would affect the hub's other
pages.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

COOKIES = ("jupyter", "_xsrf", "sitekit", "username-", "_shib", "mod_auth_openidc", "_oauth2_proxy")
"""Prefixes of the names of cookies of the hub, of servers and of the front.

A program that gets one of these cookies could send requests in the name of the user.
"""

PREFIXES = ("__Host-", "__Secure-", "__Http-", "__Host-Http-")
HIDDEN = ("Authorization", "X-XSRFToken")
REFUSED = ("Clear-Site-Data", "Service-Worker-Allowed", "Set-Cookie2", "Strict-Transport-Security")
"""Headers that are removed from a program's response. These headers would change what the browser
has stored for the hub, or which scripts run on the hub's other pages.
"""


def is_ours(cookie: str) -> bool:
    """Return whether a cookie of this name belongs to the hub, a server or the front."""
    name = cookie.strip()
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.lower().startswith(COOKIES)


def cleaned_request(headers: Any, by_token: bool) -> Any:
    """Return the request headers that are sent to the program, without the hub's tokens and
    cookies.

    The header Authorization is passed on only if the server did not use this header to log in the
    user.
    """
    given = headers.get("Authorization", "")
    own = given and not by_token and not given.lower().startswith("token ")
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
    """Return the URL without the parameter `token` of the query.

    JupyterHub's servers accept a token in the query as a login.
    """
    parts = urlsplit(address)
    kept = [
        pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) != "token"
    ]
    return urlunsplit(parts._replace(query="&".join(kept)))


def clean_answer(headers: Any, context: str) -> None:
    """Remove headers of the program's answer that would affect other pages, and restrict the
    program's cookies to its own path."""
    for name in REFUSED:
        if name in headers:
            del headers[name]
    cookies = headers.get_list("Set-Cookie")
    if cookies:
        del headers["Set-Cookie"]
    for cookie in cookies:
        if (restricted := for_path(cookie, context)) is not None:
            headers.add("Set-Cookie", restricted)


def for_path(cookie: str, context: str) -> str | None:
    """Return the Set-Cookie header, restricted to the path `context`. Return None if the program
    must not set this cookie: a cookie without a name, with a name of the hub, a server or the
    front, or with a prefix in PREFIXES."""
    first, *attributes = cookie.split(";")
    name = first.partition("=")[0].strip() if "=" in first else ""
    # some browsers treat a cookie without a name as a cookie with another name
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
