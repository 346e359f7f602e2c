"""Report the end of a server to the hub, before another program can listen on the server's port. If
the server did not report its end, the hub would notice the end of the job only later, from Slurm.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from .tls_files_in_memory import Identity

HUB_TIMEOUT = 3.0  # seconds; a hub that is down must not delay the server's end


def tell_at_sigterm(loop: Any, identity: Identity | None) -> None:
    """When Slurm or the hub sends SIGTERM to this server, report the end of the server to the hub.
    The server ends when the hub has answered, or after HUB_TIMEOUT seconds.

    After the report, the hub removes the server's route. Call this function after Jupyter Server
    has set its own signal handler, because that handler ends the server.
    """
    # This is Jupyter Server's handler, which is a function. The type of getsignal() also allows a
    # number or None.
    end: Callable[[int, FrameType | None], Any] = signal.getsignal(signal.SIGTERM)  # type: ignore[assignment]

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)  # a second SIGTERM ends the server at once
        loop.add_callback_from_signal(report, number)

    async def report(number: int) -> None:
        try:
            await asyncio.wait_for(AsyncHTTPClient().fetch(ending(identity)), HUB_TIMEOUT)
        except Exception as error:
            print(
                f"sitekit: could not report to the hub that this server ends: {error!r}", flush=True
            )
        end(number, None)

    signal.signal(signal.SIGTERM, on_sigterm)


def ending(identity: Identity | None) -> HTTPRequest:
    """Return the HTTP request that reports the server's end to the hub."""
    return HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/ending",
        method="POST",
        headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
        body="",
        ssl_options=identity.calling() if identity else None,
    )
