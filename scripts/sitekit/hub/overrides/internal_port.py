"""Who is at the other end: the proxy hands on what people ask; users' servers, on compute nodes,
want REST alone.

JupyterHub's one port serves both. It "should never be accessed directly" (app.py, hub_port), and
nothing prevents it. With internal TLS the certificate says who it is; else only the address is
known.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.metrics import MetricsHandler
from jupyterhub.handlers.pages import HealthCheckHandler
from tornado import web
from tornado.httputil import HTTPServerRequest

FOR_OTHERS = APIHandler | HealthCheckHandler | MetricsHandler


def keep_pages_behind_the_front(url: str, over: Callable[[str], bool]) -> None:
    """To nobody but the proxy a page is answered, login least of all: the way to them leads through
    the front at `url`.

    Nor does such a caller say which address it has, for the log and for the delays of login:
    X-Forwarded-For and its like are the proxy's. The certificate of a server is good for nothing
    once that server is `over` (by its tag).
    """
    prepare = BaseHandler.prepare

    async def narrower(handler: BaseHandler) -> None:
        authority, name = certified(handler.request)
        if authority == "servers" and name != "culler" and over(name):
            raise web.HTTPError(403, "The server that this certificate was made for has ended")
        if not (
            (authority, name) == ("services", "proxy")
            if authority
            else is_of_this_machine(handler.request)
        ):
            handler.request.remote_ip = handler.request.connection.context.address[0]
            if not isinstance(handler, FOR_OTHERS):
                raise web.HTTPError(403, f"Pages are not to be had here. Go to {url}")
        await prepare(handler)

    BaseHandler.prepare = narrower


def certified(request: HTTPServerRequest) -> tuple[str, str]:
    """(authority, name) of the caller's certificate, which has been verified; two empty words for
    one without TLS."""
    return shown_by(request.connection.stream.socket)


def shown_by(connection: socket.socket | None) -> tuple[str, str]:
    """The same of a connection."""
    # Any: to the type of getpeercert all keys hold the same, texts or pairs.
    found: Any = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    if not found:
        return "", ""
    issuer, subject = _names(found["issuer"]), _names(found["subject"])
    return issuer["commonName"].rpartition(" ")[2], subject["commonName"]


def _names(parts: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    """A certificate's issuer or subject, which ssl has as tuples of pairs."""
    return {key: value for part in parts for key, value in part}


def is_of_this_machine(request: HTTPServerRequest) -> bool:
    """Whoever connects from this machine has the address that the kernel picks for the way to the
    hub's own.

    Mostly that very one; but the first of a network of which the machine has several, and 127.0.0.1
    for 127.0.1.1.
    """
    ours = request.connection.stream.socket
    if ours is None:
        return False
    with socket.socket(ours.family, socket.SOCK_DGRAM) as here:
        here.connect(ours.getsockname())  # sends nothing
        return bool(here.getsockname()[0] == request.connection.context.address[0])
