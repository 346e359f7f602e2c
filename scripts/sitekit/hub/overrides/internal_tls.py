"""The hub's side of internal TLS: what it asks of others, and what it asks of whoever connects to
it.

JupyterHub's own internal_ssl is left off. It would make its certificates by certipy, one for all
starts of a user's servers, and its contexts trust the distribution's authorities as well (utils.py,
make_ssl_context).
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

from ...contracts.internal_tls import answering, calling, installed, tag_in
from ...session.callers import Callers, log_no_failed_handshakes
from ..servers.hub_state import Life
from .internal_port import shown_by

# connections of one server at a time; JupyterHub's client in it leaves some open, and opens others
# instead
EACH = 64
# the first byte of a TLS connection, and of no HTTP request (RFC 8446, 5.1: handshake)
TLS_RECORD = b"\x16"


def speak_tls(life: Life) -> None:
    """From now on, where certificates were made: call by TLS, and answer it."""
    site = life.site
    if not installed(site):
        return
    call_by_name(life)
    answer(answering(site, "hub"), lambda: not site.internal_tls or life.ledger.without_tls() > 0)


# --- calling: proxy and servers ------------------------------------------------------------------------------------


def call_by_name(life: Life) -> None:
    """JupyterHub's own client shows the hub's certificate, and finds a server by the name in the
    server's.

    It takes the place of init_internal_ssl, which sets the same options of the same client from
    certipy's files."""

    def init_internal_ssl(app: JupyterHub) -> None:
        JupyterHubHTTPClient.clear_instance()
        options = {"ssl": calling(life.site, "hub"), "resolver": Nodes(life.addresses)}
        JupyterHubHTTPClient.instance(parent=app, _internal_connector_options=options)

    JupyterHub.init_internal_ssl = init_internal_ssl


class Nodes(AbstractResolver):
    """Servers' names lead to the nodes of their jobs, by Slurm's word; all others are resolved as
    ever."""

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


def answer(context: ssl.SSLContext, plain: Callable[[], bool]) -> None:
    """JupyterHub's server takes TLS, and HTTP in the clear only while `plain` says so: for servers
    that were started before the site had certificates, which know no other way until they end."""
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

    # JupyterHub.start() makes its server from this name; it has no setting for the class
    tornado.httpserver.HTTPServer = Listener


class Servers:
    """The connections of users' servers, each of which its user might copy the certificate of."""

    def __init__(self) -> None:
        self._open: dict[str, list[IOStream]] = {}

    def take(self, stream: IOStream) -> None:
        """One more; where they are too many the oldest of that server's goes. Those of the services
        never do."""
        authority, name = shown_by(stream.socket)
        if authority != "servers" or name == "culler":
            return
        if name not in self._open:  # a server is new: a good time to forget others
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
    """Not by IOStream.start_tls(): whoever gives up waiting for that cannot close the connection."""
    wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    stream = SSLIOStream(wrapped, ssl_options=context)
    try:
        return await stream.wait_for_handshake()
    except BaseException:
        stream.close()
        raise


async def _first_byte(connection: socket.socket) -> bytes:
    """What a caller says first; it stays to be read. b"" for one that hung up."""
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
