"""Who is at the other end: the proxy hands on what people ask; users' servers, on compute nodes, want REST alone.

JupyterHub's one port serves both. It "should never be accessed directly" (app.py, hub_port), and nothing prevents it.
"""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.metrics import MetricsHandler
from jupyterhub.handlers.pages import HealthCheckHandler
from tornado import web
from tornado.httputil import HTTPServerRequest

FOR_OTHERS = APIHandler | HealthCheckHandler | MetricsHandler


def keep_pages_behind_the_front(url: str) -> None:
    """From another machine no page is answered, login least of all: the way to them leads through the front at `url`.

    Nor does such a caller say which address it has, for the log and for the delays of login: X-Forwarded-For and its
    like are the proxy's, which listens on this machine only.
    """
    prepare = BaseHandler.prepare

    async def narrower(handler: BaseHandler) -> None:
        if not is_of_this_machine(handler.request):
            handler.request.remote_ip = handler.request.connection.context.address[0]
            if not isinstance(handler, FOR_OTHERS):
                raise web.HTTPError(403, f"Pages are not to be had here. Go to {url}")
        await prepare(handler)

    BaseHandler.prepare = narrower


def is_of_this_machine(request: HTTPServerRequest) -> bool:
    """Whoever connects to one of a machine's own addresses from that machine comes from this very address."""
    socket = request.connection.stream.socket
    return socket is not None and socket.getsockname()[0] == request.connection.context.address[0]
