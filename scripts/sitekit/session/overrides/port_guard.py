"""Load jupyter-server-proxy with safe connections, as an extension of Jupyter Server.

jupyter-server-proxy 4.6 itself connects to any program on a port of the node, including programs of
other users. jupyter-server-proxy also sends all cookies and tokens of the browser to the program at
the port (handlers.py, proxy_request_headers; jupyter-server-proxy#321, #337, #358), and answers
requests that pages of other websites cause. With port_guard.py, jupyter-server-proxy connects only
to the user's own programs and to named servers on Unix sockets. port_guard.py also removes the
cookies and tokens of the hub and the front. If the user follows a link on another website, the
server first shows the user a page for confirmation. In the hub environment, jupyter-server-proxy is
enabled only through this module (environment/release/configure_release.py).
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from tornado import httpclient, httputil, iostream, web

from .. import applications
from ..http_requests import (
    confirm_action_page,
    connect_only_to_own_ports,
    request_origin,
    strip_proxied_credentials,
)
from ..imports.placeholder_modules import stand_ins

# jupyter-server-proxy needs aiohttp only for programs on Unix sockets and for waiting (handlers.py)
with stand_ins({"aiohttp": {}}):
    from jupyter_server_proxy import handlers, rawsocket, websocket

HOSTS = ("localhost", "127.0.0.1")
"""Both names mean this node's loopback interface. sitekit does not query DNS for these names."""

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
    """Replace tornado's TCPClient. `connect` returns an existing connection, and does not open a
    new one."""

    def __init__(self, line: Any) -> None:
        self.line = line

    async def connect(
        self, *_: Any, max_buffer_size: int | None = None, **__: Any
    ) -> iostream.IOStream:
        return iostream.IOStream(self.line, max_buffer_size=max_buffer_size)

    def close(self) -> None:
        self.line.close()


class WebSocket(websocket.PingableWSClientConnection):
    """Use an existing connection for a WebSocket; tornado itself would open a new connection."""

    def __init__(self, line: Any, **settings: Any) -> None:
        self._connected = Connected(line)
        super().__init__(**settings)

    tcp_client = property(lambda self: self._connected, lambda self, _: None)


async def connected(port: Any) -> Any:
    """Return a connection to this user's own program. Raises web.HTTPError."""
    try:
        return await connect_only_to_own_ports.connected(int(port))
    except (connect_only_to_own_ports.NotOurs, ValueError, OverflowError) as error:
        raise web.HTTPError(403, str(error)) from None
    except (OSError, asyncio.TimeoutError) as error:
        raise web.HTTPError(502, f"port {port} of this node: {error}") from None


def init(self: Any, *words: Any, **settings: Any) -> None:
    """Initialize jupyter-server-proxy's handler, and make it clean the program's response headers
    before they are sent to the browser."""
    _init(self, *words, **settings)
    flush = self.flush

    def cleaned(*words: Any, **settings: Any) -> Any:
        strip_proxied_credentials.clean_answer(self._headers, context(self))
        return flush(*words, **settings)

    # before the first flush, jupyter-server-proxy has copied the program's headers
    self.flush = cleaned


def context(self: Any) -> str:
    """Return the URL path of the program, such as /user/NAME/proxy/PORT."""
    if self.proxy_base:
        return f"{self.base_url}{self.proxy_base}"
    place = ":".join(self.path_args[:-1])  # PORT, or HOST:PORT
    return f"{self.base_url}proxy/{'absolute/' if self.absolute_url else ''}{place}"


async def prepare(self: Any, *words: Any, **settings: Any) -> None:
    """Refuse requests of other websites. For a link on another website, show the user a page for
    confirmation first."""
    await _prepare(self, *words, **settings)
    if self._finished or not request_origin.is_foreign(self):
        return
    if not request_origin.is_navigation(self):
        raise web.HTTPError(403, "no page of another site may use this")
    self.set_status(403)
    confirm_action_page.begin(self, "Open this page?", {"Another site leads to": self.request.path})
    self.finish(confirm_action_page.link(self.request.uri, "Open it"))


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
    """Open a WebSocket to the program, in place of pingable_ws_connect."""
    if resolver:  # the resolver of a Unix socket
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
    return strip_proxied_credentials.cleaned_request(_headers(self), self.token_authenticated)


def client_uri(self: Any, *words: Any, **settings: Any) -> str:
    return strip_proxied_credentials.without_token(_uri(self, *words, **settings))


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
    if found := applications.offered():
        server.config.ServerProxy.servers = {
            **server.config.ServerProxy.get("servers", {}),
            **found,
        }
    jupyter_server_proxy._load_jupyter_server_extension(server)
