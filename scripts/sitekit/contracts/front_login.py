"""Define what the web server sends to the hub about a user whom the web server has identified
(`login.method: front`)."""

from __future__ import annotations

from pathlib import Path

from ..site import Site

PAGE = "/sitekit/front_login"
"""The one page of the hub, below /hub, to which the web server sends these headers."""

HEADERS = {"user": "X-Remote-User", "proof": "X-Remote-Proof"}
"""The user's name, and the secret. The web server refuses browsers' headers of such names."""

SECRET = "SITEKIT_FRONT_SECRET"  # noqa: S105  (a name)
"""The variable in which the hub gets the secret."""


def web_server_file(site: Site) -> Path:
    """Return the path of the file with the web server's copy of the secret, which only root reads."""
    return site.etc / "tls" / "login.conf"
