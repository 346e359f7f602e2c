"""A Jupyter server extension that loads jupyter-server-proxy after its connections have been made
safe.

jupyter-server-proxy 4.6 connects to whoever listens on a port of the node, hands over all cookies
and tokens of the browser (handlers.py, proxy_request_headers; jupyter-server-proxy#321, #337,
#358), and answers whatever page asks. Here it connects to listeners of the user's own and to named
servers on Unix sockets, keeps what belongs to the hub and the front, and asks before a link of
another site is followed. In the hub environment it is enabled through this module alone
(environment/release/configure.py).
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from jupyter_server_proxy import handlers, rawsocket, websocket
from tornado import httpclient, httputil, iostream, web

from .. import credentials, origin, ports, question

HOSTS = ("localhost", "127.0.0.1")
"""Both are this node's loopback interface; no name is looked up."""

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
    """A tornado TCPClient with one connection, which stands already."""

    def __init__(self, line: Any) -> None:
        self.line = line

    async def connect(
        self, *_: Any, max_buffer_size: int | None = None, **__: Any
    ) -> iostream.IOStream:
        return iostream.IOStream(self.line, max_buffer_size=max_buffer_size)

    def close(self) -> None:
        self.line.close()


class WebSocket(websocket.PingableWSClientConnection):
    """A WebSocket over a connection that stands already; tornado would make one of its own."""

    def __init__(self, line: Any, **settings: Any) -> None:
        self._connected = Connected(line)
        super().__init__(**settings)

    tcp_client = property(lambda self: self._connected, lambda self, _: None)


async def connected(port: Any) -> Any:
    """A connection to this user's own listener. Raises web.HTTPError."""
    try:
        return await ports.connected(int(port))
    except (ports.NotOurs, ValueError, OverflowError) as error:
        raise web.HTTPError(403, str(error)) from None
    except (OSError, asyncio.TimeoutError) as error:
        raise web.HTTPError(502, f"port {port} of this node: {error}") from None


def init(self: Any, *words: Any, **settings: Any) -> None:
    _init(self, *words, **settings)
    flush = self.flush

    def cleaned(*words: Any, **settings: Any) -> Any:
        credentials.clean_answer(self._headers, context(self))
        return flush(*words, **settings)

    self.flush = cleaned  # what the program answers has been copied by then


def context(self: Any) -> str:
    """The path below which everything is the program's own."""
    if self.proxy_base:
        return f"{self.base_url}{self.proxy_base}"
    place = ":".join(self.path_args[:-1])  # a port, or a host and a port
    return f"{self.base_url}proxy/{'absolute/' if self.absolute_url else ''}{place}"


async def prepare(self: Any, *words: Any, **settings: Any) -> None:
    await _prepare(self, *words, **settings)
    if self._finished or not origin.is_foreign(self):
        return
    if not origin.is_navigation(self):
        raise web.HTTPError(403, "no page of another site may use this")
    self.set_status(403)
    question.begin(self, "Open this page?", {"Another site leads to": self.request.path})
    self.finish(question.link(self.request.uri, "Open it"))


async def proxy_buffered(self: Any, host: str, port: Any, path: str, body: Any, client: Any) -> Any:
    if self.unix_socket is None:
        client.tcp_client = Connected(await connected(port))
    return await _buffered(self, host, port, path, body, client)


async def proxy_progressive(
    self: Any, host: str, port: Any, path: str, body: Any, client: Any
) -> Any:
    if self.unix_socket is None:
        client.tcp_client = Connected(await connected(port))
    return await _progressive(self, host, port, path, body, client)


async def open_websocket(request: Any, resolver: Any = None, **settings: Any) -> Any:
    """In place of pingable_ws_connect."""
    if resolver:  # of a Unix socket
        return await _open_by_socket(request=request, resolver=resolver, **settings)
    line = await connected(urlsplit(request.url).port)
    request.headers = httputil.HTTPHeaders(request.headers)
    proxied = httpclient._RequestProxy(request, httpclient.HTTPRequest._DEFAULTS)
    return await WebSocket(line, request=proxied, compression_options={}, **settings).connect_future


async def create_raw(self: Any, protocol: Any) -> Any:
    if self.unix_socket is not None:
        return await _open_raw(self, protocol)
    return await asyncio.get_running_loop().create_connection(
        protocol, sock=await connected(self.port)
    )


def request_headers(self: Any) -> Any:
    return credentials.cleaned_request(_headers(self), self.token_authenticated)


def client_uri(self: Any, *words: Any, **settings: Any) -> str:
    return credentials.without_token(_uri(self, *words, **settings))


def guard() -> None:
    """Put the functions above in the place of jupyter-server-proxy's own."""
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
