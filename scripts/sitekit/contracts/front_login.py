"""Define the headers with which the web server tells the hub the name of a user who has logged in
at the web server (`login.method: front`)."""

from __future__ import annotations

from pathlib import Path

from ..site import Site

PAGE = "/sitekit/front_login"
"""The hub's page, below /hub, for logins at the web server. The web server sends the headers of
HEADERS to no other page."""

HEADERS = {"user": "X-Remote-User", "proof": "X-Remote-Proof"}
"""The HTTP headers with the user's name and with the secret. If a browser's request has such a
header, the web server refuses the request."""

SECRET = "SITEKIT_FRONT_SECRET"  # noqa: S105  (a name)
"""The environment variable from which the hub reads the secret that the hub and the web server
share."""


def web_server_file(site: Site) -> Path:
    """Return the path of the web server's file with the secret. Only root can read the file."""
    return site.etc / "tls" / "login.conf"
