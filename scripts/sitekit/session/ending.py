"""Notify the hub that this server ends, before another program can use its port.

Without this request, the hub would learn only later from Slurm that the job has ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from .tls import Identity

PATIENCE = 3.0  # seconds; the server must also end soon while the hub is down


def tell_at_sigterm(loop: Any, identity: Identity | None) -> None:
    """Handle SIGTERM: notify the hub, then end as Jupyter Server does.

    Slurm or the hub sends this signal. The hub then removes the proxy's route to this server. Call
    this function after Jupyter Server has set its own signal handler.
    """
    # Jupyter Server's handler is a function. The type also allows a number or None, which other
    # handlers can be.
    end: Callable[[int, FrameType | None], Any] = signal.getsignal(signal.SIGTERM)  # type: ignore[assignment]

    def told_to_end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)  # a second SIGTERM ends the server immediately
        loop.add_callback_from_signal(tell, number)

    async def tell(number: int) -> None:
        try:
            await asyncio.wait_for(AsyncHTTPClient().fetch(ending(identity)), PATIENCE)
        except Exception as error:
            print(
                f"sitekit: the hub could not be told that this server ends: {error!r}", flush=True
            )
        end(number, None)

    signal.signal(signal.SIGTERM, told_to_end)


def ending(identity: Identity | None) -> HTTPRequest:
    """Return the request that notifies the hub."""
    return HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/ending",
        method="POST",
        headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
        body="",
        ssl_options=identity.calling() if identity else None,
    )
