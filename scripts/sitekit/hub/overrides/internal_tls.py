"""Use TLS between the hub, the proxy and users' servers, with certificates of sitekit's own.

JupyterHub's internal_ssl stays off. With internal_ssl, JupyterHub would create certificates with
certipy, and use one certificate for all starts of a user's servers. JupyterHub's TLS contexts also
trust the distribution's authorities (utils.py, make_ssl_context).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import tornado.httpserver
from aiohttp.abc import AbstractResolver, ResolveResult
from jupyterhub.app import JupyterHub
from jupyterhub.httpclient import JupyterHubHTTPClient
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from ...contracts.internal_tls import client_context, installed, server_context, tag_in
from ...session.hub_connection.limit_unfinished_connections import Callers, log_no_failed_handshakes
from ..servers.shared_objects import HubState
from .hub_port_callers import shown_by

# The highest number of connections of one server at a time. JupyterHub's client in the server keeps
# old connections open and opens new connections.
EACH = 64
# The first byte of a TLS connection (RFC 8446, 5.1: handshake). An HTTP request never begins with
# this byte.
TLS_RECORD = b"\x16"


def speak_tls(hub_state: HubState) -> None:
    """Use TLS for the hub's connections from now on, if certificates were installed."""
    site = hub_state.site
    if not installed(site):
        return
    call_by_name(hub_state)
    serve_by_tls(
        server_context(site, "hub"),
        lambda: not site.internal_tls or hub_state.ledger.without_tls() > 0,
    )


# --- calling: proxy and servers ------------------------------------------------------------------------------------


def call_by_name(hub_state: HubState) -> None:
    """Make JupyterHub's HTTP client use the hub's certificate, and find servers by name.

    The host of a server's URL is the name in the server's certificate. This function replaces
    JupyterHub's init_internal_ssl, which sets the same options of the client from certipy's files.
    """

    def init_internal_ssl(app: JupyterHub) -> None:
        JupyterHubHTTPClient.clear_instance()
        options = {
            "ssl": client_context(hub_state.site, "hub"),
            "resolver": Nodes(hub_state.addresses),
        }
        JupyterHubHTTPClient.instance(parent=app, _internal_connector_options=options)

    JupyterHub.init_internal_ssl = init_internal_ssl


class Nodes(AbstractResolver):
    """Convert the names of users' servers to the IP addresses of their nodes, which Slurm reported.

    All other host names are resolved with the system's resolver.
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        tag = tag_in(host)
        if tag is not None and tag not in self.addresses:
            raise OSError(None, f"the node of the server {tag} is not known")
        found = await asyncio.get_running_loop().getaddrinfo(
            host if tag is None else self.addresses[tag],
            port,
            type=socket.SOCK_STREAM,
            family=family,
        )
        return [
            ResolveResult(
                hostname=host,
                host=to[0],
                port=to[1],
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, to in found
        ]

    async def close(self) -> None:
        pass


# --- answering -------------------------------------------------------------------------------------------------------


def serve_by_tls(context: ssl.SSLContext, plain: Callable[[], bool]) -> None:
    """Make JupyterHub's server accept TLS, and plain HTTP only while `plain` returns True.

    Servers that were started before the site had certificates use plain HTTP until they end.
    """
    callers, servers = Callers(), Servers()
    log_no_failed_handshakes()

    async def shown(stream: IOStream) -> IOStream:
        if await _first_byte(stream.socket) == TLS_RECORD:
            return await _handshake(stream.socket, context)
        if plain():
            return stream
        raise StreamClosedError

    class Listener(tornado.httpserver.HTTPServer):
        async def handle_stream(self, stream: IOStream, address: Any) -> None:
            if known := await callers.known(shown(stream)):
                servers.take(known)
                super().handle_stream(known, address)
            else:
                stream.close()

    # JupyterHub.start() looks up its HTTP server's class by this name, and has no setting for it
    tornado.httpserver.HTTPServer = Listener


class Servers:
    """Limit the open connections of each user's server.

    Users can read and copy the certificates of their own servers. Without a limit, a user could
    open any number of connections with one certificate.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[IOStream]] = {}

    def take(self, stream: IOStream) -> None:
        """Count a new connection, and close the server's oldest connection if the server has too
        many connections.

        Connections of the proxy and of the other services are never closed.
        """
        authority, name = shown_by(stream.socket)
        if authority != "servers" or name == "culler":
            return
        if name not in self._open:  # for each new server, forget servers without open connections
            self._open = {
                one: streams
                for one, streams in self._open.items()
                if not all(s.closed() for s in streams)
            }
        mine = self._open[name] = [one for one in self._open.get(name, []) if not one.closed()] + [
            stream
        ]
        if len(mine) > EACH:
            mine.pop(0).close()


async def _handshake(connection: socket.socket, context: ssl.SSLContext) -> SSLIOStream:
    """Perform the TLS handshake, and close the connection if the handshake fails.

    IOStream.start_tls() is not used. If the code that calls IOStream.start_tls() stops waiting for
    the handshake, this code cannot close the connection.
    """
    wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    stream = SSLIOStream(wrapped, ssl_options=context)
    try:
        return await stream.wait_for_handshake()
    except BaseException:
        stream.close()
        raise


async def _first_byte(connection: socket.socket) -> bytes:
    """Return the first byte that a caller sends; the byte stays in the socket and can be read
    again.

    Returns b"" if the caller has closed the connection.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(connection, tell)
    try:
        await readable
        return connection.recv(1, socket.MSG_PEEK)
    finally:
        loop.remove_reader(connection)
