"""Send the server's few requests to the hub with tornado. This module replaces
`jupyterhub.httpclient`.

JupyterHub 6 sends these requests with aiohttp. A server would need aiohttp only for these requests
(jupyterhub/httpclient.py). The import of aiohttp takes longer than all these requests together.
tornado is the server's own library, which JupyterHub used for these requests until version 5.
"""

from __future__ import annotations

import ssl as tls

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

SECONDS = {"connect_timeout": 30.0, "request_timeout": 300.0}
"""The same time limits as in aiohttp, in seconds."""


class Answer:
    """Offer the parts of aiohttp's ClientResponse that JupyterHub's part of the server uses."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status, self.headers = response.code, response.headers
        self._body = response.body or b""

    async def text(self) -> str:
        return self._body.decode("utf-8", "replace")


async def fetch(
    url: str,
    *,
    method: str = "GET",
    raise_for_status: bool = True,
    headers: dict[str, str] | None = None,
    data: str | bytes | None = None,
    ssl: tls.SSLContext | None = None,
) -> Answer:
    """Send a request and return the HTTP response. Raises OSError if the connection to the hub
    fails.

    Raises HTTPClientError if the hub answers with an HTTP error status, and `raise_for_status` is
    true.
    """
    if data is None and method in ("POST", "PUT", "PATCH"):
        data = b""
    request = HTTPRequest(
        url, method=method, headers=headers, body=data, ssl_options=ssl, **SECONDS
    )
    return Answer(await AsyncHTTPClient().fetch(request, raise_error=raise_for_status))
