"""Limit the number and duration of TLS connections that have not completed the handshake.

Anybody on the network can open connections without sending anything, and each connection uses one
of the file descriptors of the process. If too many connections wait, the oldest one is closed. A
client with a certificate completes the handshake within milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

MOST = 200
SECONDS = 10.0


class Callers:
    """Keep the connections that have not completed the TLS handshake, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Any], None] = {}

    async def known(self, handshake: Awaitable[Any]) -> Any:
        """Return the result of a handshake.

        Return None if the handshake fails, takes too long, or is cancelled to make room for others.
        """
        task = asyncio.ensure_future(handshake)
        self._waiting[task] = None
        if len(self._waiting) > MOST:
            next(iter(self._waiting)).cancel()
        try:
            await asyncio.wait({task}, timeout=SECONDS)
            return task.result() if task.done() and not task.cancelled() else None
        except OSError:  # includes ssl.SSLError and tornado's StreamClosedError
            return None
        finally:
            del self._waiting[task]
            task.cancel()


def ask_all(server: Any) -> None:
    """Make a tornado HTTP server handle a connection only after its TLS handshake is complete."""
    take, callers = server.handle_stream, Callers()

    async def handle_stream(stream: Any, address: Any) -> None:
        if await callers.known(stream.wait_for_handshake()):
            take(stream, address)
        else:
            stream.close()

    server.handle_stream = handle_stream
    log_no_failed_handshakes()


def log_no_failed_handshakes() -> None:
    """Drop tornado's log lines about failed handshakes, with which strangers could fill the log.

    tornado writes one line for each failed handshake (iostream.py, _do_ssl_handshake).
    """
    logging.getLogger("tornado.general").addFilter(
        lambda record: not str(record.msg).startswith("SSL Error on")
    )
