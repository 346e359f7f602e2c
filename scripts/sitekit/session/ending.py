"""The end of a server, as the hub hears of it: before the port is free for others, not when Slurm
has noticed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from .tls import Identity

PATIENCE = 3.0  # seconds; a hub that is down must not hold the server's own end


def tell_at_sigterm(loop: Any, identity: Identity | None) -> None:
    """On SIGTERM, from Slurm or from the hub: tell the hub, which drops the route; then end as
    Jupyter Server does.

    To be called when Jupyter Server has set its own handler.
    """
    # Jupyter Server's own handler, which is a function; a handler of another kind would be a number
    # or None.
    end: Callable[[int, FrameType | None], Any] = signal.getsignal(signal.SIGTERM)  # type: ignore[assignment]

    def told_to_end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)  # a second one ends it at once
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
    return HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/ending",
        method="POST",
        headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
        body="",
        ssl_options=identity.calling() if identity else None,
    )
