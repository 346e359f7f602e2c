"""What a program behind jupyter-server-proxy never sees of the browser's request, and never sets by
its answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

COOKIES = ("jupyter", "_xsrf", "sitekit", "username-", "_shib", "mod_auth_openidc", "_oauth2_proxy")
"""How the names begin of the cookies of hub, server and front, whose holder is that user."""

PREFIXES = ("__Host-", "__Secure-", "__Http-", "__Host-Http-")
HIDDEN = ("Authorization", "X-XSRFToken")
REFUSED = ("Clear-Site-Data", "Service-Worker-Allowed", "Set-Cookie2", "Strict-Transport-Security")
"""Headers of an answer that would change what the browser keeps of the hub, or runs on its other
pages."""


def is_ours(cookie: str) -> bool:
    """Whether a cookie of this name belongs to the hub, a server or the front."""
    name = cookie.strip()
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.lower().startswith(COOKIES)


def cleaned_request(headers: Any, by_token: bool) -> Any:
    """Headers for the program. Its own Authorization passes, unless it is what let the request in
    here."""
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
    """An address without `token` in its query, by which JupyterHub's servers let programs in."""
    parts = urlsplit(address)
    kept = [
        pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) != "token"
    ]
    return urlunsplit(parts._replace(query="&".join(kept)))


def clean_answer(headers: Any, context: str) -> None:
    """Let the program set cookies for its own path alone."""
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
    """A Set-Cookie as it may be passed on, or None."""
    first, *attributes = cookie.split(";")
    name = first.partition("=")[0].strip() if "=" in first else ""
    # a nameless one may be read as another's
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
