"""Find out who connects to the hub's port: the proxy (with the requests of browsers) or a server.

JupyterHub listens on one port, to which both the proxy and the users' servers connect. By
JupyterHub's documentation, this port "should never be accessed directly" (app.py, hub_port), but
JupyterHub does not prevent direct access.
Users' servers on compute nodes need only the REST API on this port. With internal TLS the
certificate identifies the caller. Without internal TLS, only the caller's IP address is known.
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


def keep_pages_behind_the_front(url: str, has_ended: Callable[[str], bool]) -> None:
    """Refuse pages, such as the login, to every caller but the proxy.

    Users must go through the front at `url`. X-Forwarded-For and similar headers are accepted only
    from the proxy. Because only the proxy may request pages, no other program can forge its IP
    address for the log and for the login delays. The hub refuses a server's certificate if
    `has_ended` returns True for the server's tag (the id of the server's start).
    """
    prepare = BaseHandler.prepare

    async def narrower(handler: BaseHandler) -> None:
        authority, name = certificate_owner(handler.request)
        if authority == "servers" and name != "culler" and has_ended(name):
            raise web.HTTPError(403, "The server that this certificate was made for has ended")
        if not is_proxy(handler.request):
            handler.request.remote_ip = handler.request.connection.context.address[0]
            if not isinstance(handler, FOR_OTHERS):
                raise web.HTTPError(403, f"This port has no pages. Go to {url}")
        await prepare(handler)

    BaseHandler.prepare = narrower


def is_proxy(request: HTTPServerRequest) -> bool:
    """Return whether the proxy has sent this request."""
    authority, name = certificate_owner(request)
    if authority:
        return (authority, name) == ("services", "proxy")
    return is_of_this_machine(request)


def certificate_owner(request: HTTPServerRequest) -> tuple[str, str]:
    """Return the authority that signed the caller's certificate, and the name in the certificate.

    Authority and name are "" for a caller without TLS.
    """
    return shown_by(request.connection.stream.socket)


def shown_by(connection: socket.socket | None) -> tuple[str, str]:
    """Return the authority that signed the certificate of the caller on this connection, and the
    name in the certificate. Both are "" for a connection without TLS."""
    # Any, because the type of getpeercert() does not distinguish the keys
    found: Any = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    if not found:
        return "", ""
    issuer, subject = _names(found["issuer"]), _names(found["subject"])
    return issuer["commonName"].rpartition(" ")[2], subject["commonName"]


def _names(parts: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    """Convert a certificate's issuer or subject from the ssl module's tuples of pairs to a dict."""
    return {key: value for part in parts for key, value in part}


def is_of_this_machine(request: HTTPServerRequest) -> bool:
    """Return whether the caller runs on this machine.

    A caller on this machine has the source IP address that the Linux kernel selects for a
    connection to the hub's own IP address. The source address of a program on the hub's machine is
    usually the hub's own IP address. If the machine has several addresses in one network, Linux
    uses the first of them as the source address. For a connection to 127.0.1.1, Linux uses
    127.0.0.1 as the source address.
    """
    ours = request.connection.stream.socket
    if ours is None:
        return False
    with socket.socket(ours.family, socket.SOCK_DGRAM) as here:
        here.connect(ours.getsockname())  # a datagram socket: connect() sends nothing
        return bool(here.getsockname()[0] == request.connection.context.address[0])
