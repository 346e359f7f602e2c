"""Load jupyter-server-proxy after its connections have been made safe.

This module is a Jupyter server extension. jupyter-server-proxy 4.6 connects to any program that
listens on a port of the node, and answers requests from any page. All cookies and tokens of the
browser are sent to the program (handlers.py, proxy_request_headers; jupyter-server-proxy#321, #337,
#358). With this module, jupyter-server-proxy connects only to the user's own programs and to named
servers on Unix sockets. The credentials of the hub and the web server are removed. The user is
asked before a link from another site is followed. The hub environment enables jupyter-server-proxy
through this module only (environment/release/configure.py).
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from jupyter_server_proxy import handlers, rawsocket, websocket
from tornado import httpclient, httputil, iostream, web

from .. import credentials, origin, ports, question

HOSTS = ("localhost", "127.0.0.1")
"""Both mean this node's loopback interface. No name is resolved."""

_init = handlers.ProxyHandler.__init__
_prepare = handlers.ProxyHandler.prepare
_buffered, _progressive = (
    handlers.ProxyHandler._proxy_buffered,
    handlers.ProxyHandler._proxy_progressive,
)
_headers, _uri = handlers.ProxyHandler.proxy_request_headers, handlers.ProxyHandler.get_client_uri
_open_by_socket = handlers.pingable_ws_connect
_open_raw = rawsocket.RawSocketHandler._create_ws_connection


class Connected:
    """Replace tornado's TCPClient, and return a connection that is already open."""

    def __init__(self, line: Any) -> None:
        self.line = line

    async def connect(
        self, *_: Any, max_buffer_size: int | None = None, **__: Any
    ) -> iostream.IOStream:
        return iostream.IOStream(self.line, max_buffer_size=max_buffer_size)

    def close(self) -> None:
        self.line.close()


class WebSocket(websocket.PingableWSClientConnection):
    """Use a connection that is already open for a WebSocket."""

    def __init__(self, line: Any, **settings: Any) -> None:
        self._connected = Connected(line)
        super().__init__(**settings)

    tcp_client = property(lambda self: self._connected, lambda self, _: None)


async def connected(port: Any) -> Any:
    """Return a connection to a program of this user. Raises web.HTTPError."""
    try:
        return await ports.connected(int(port))
    except (ports.NotOurs, ValueError, OverflowError) as error:
        raise web.HTTPError(403, str(error)) from None
    except (OSError, asyncio.TimeoutError) as error:
        raise web.HTTPError(502, f"port {port} of this node: {error}") from None


def init(self: Any, *words: Any, **settings: Any) -> None:
    """Replace ProxyHandler.__init__ so that each answer is cleaned before it is sent."""
    _init(self, *words, **settings)
    flush = self.flush

    def cleaned(*words: Any, **settings: Any) -> Any:
        credentials.clean_answer(self._headers, context(self))
        return flush(*words, **settings)

    self.flush = cleaned  # the program's headers have been copied into the answer before flush()


def context(self: Any) -> str:
    """Return the path below which all URLs belong to the program."""
    if self.proxy_base:
        return f"{self.base_url}{self.proxy_base}"
    place = ":".join(self.path_args[:-1])  # either `port` or `host:port`
    return f"{self.base_url}proxy/{'absolute/' if self.absolute_url else ''}{place}"


async def prepare(self: Any, *words: Any, **settings: Any) -> None:
    """Replace ProxyHandler.prepare: ask the user before a link from another site is followed."""
    await _prepare(self, *words, **settings)
    if self._finished or not origin.is_foreign(self):
        return
    if not origin.is_navigation(self):
        raise web.HTTPError(403, "no page of another site may use this")
    self.set_status(403)
    question.begin(self, "Open this page?", {"Another site leads to": self.request.path})
    self.finish(question.link(self.request.uri, "Open it"))


async def proxy_buffered(self: Any, host: str, port: Any, path: str, body: Any, client: Any) -> Any:
    """Replace ProxyHandler._proxy_buffered: connect only to a program of this user."""
    if self.unix_socket is None:
        client.tcp_client = Connected(await connected(port))
    return await _buffered(self, host, port, path, body, client)


async def proxy_progressive(
    self: Any, host: str, port: Any, path: str, body: Any, client: Any
) -> Any:
    """Replace ProxyHandler._proxy_progressive: connect only to a program of this user."""
    if self.unix_socket is None:
        client.tcp_client = Connected(await connected(port))
    return await _progressive(self, host, port, path, body, client)


async def open_websocket(request: Any, resolver: Any = None, **settings: Any) -> Any:
    """Replace pingable_ws_connect: connect only to a program of this user."""
    if resolver:  # jupyter-server-proxy passes a resolver only for Unix sockets
        return await _open_by_socket(request=request, resolver=resolver, **settings)
    line = await connected(urlsplit(request.url).port)
    request.headers = httputil.HTTPHeaders(request.headers)
    proxied = httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)
    return await WebSocket(line, request=proxied, compression_options={}, **settings).connect_future


async def create_raw(self: Any, protocol: Any) -> Any:
    """Replace RawSocketHandler._create_ws_connection: connect only to a program of this user."""
    if self.unix_socket is not None:
        return await _open_raw(self, protocol)
    return await asyncio.get_running_loop().create_connection(
        protocol, sock=await connected(self.port)
    )


def request_headers(self: Any) -> Any:
    """Replace ProxyHandler.proxy_request_headers: remove the credentials of the hub."""
    return credentials.cleaned_request(_headers(self), self.token_authenticated)


def client_uri(self: Any, *words: Any, **settings: Any) -> str:
    """Replace ProxyHandler.get_client_uri: remove the token from the URL."""
    return credentials.without_token(_uri(self, *words, **settings))


def guard() -> None:
    """Replace functions of jupyter-server-proxy with the functions of this module."""
    proxy = handlers.ProxyHandler
    proxy.__init__, proxy.prepare = init, prepare
    proxy._proxy_buffered, proxy._proxy_progressive = proxy_buffered, proxy_progressive
    proxy.proxy_request_headers, proxy.get_client_uri = request_headers, client_uri
    proxy._check_host_allowlist = lambda self, host: host in HOSTS
    handlers.pingable_ws_connect = open_websocket
    rawsocket.RawSocketHandler._create_ws_connection = create_raw


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.port_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    import jupyter_server_proxy

    guard()
    jupyter_server_proxy._load_jupyter_server_extension(server)
