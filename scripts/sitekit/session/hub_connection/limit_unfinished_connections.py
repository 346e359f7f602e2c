"""Limit the number and the duration of TLS connections whose client has not yet sent a certificate.
Any machine on the network can open connections and send nothing. Each connection uses a file
descriptor, and a process has only a limited number of file descriptors. If more than MOST
connections wait, the server closes the oldest waiting connection. A client with a certificate needs
only milliseconds for the handshake, and is therefore not affected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

MOST = 200  # connections
SECONDS = 10.0  # for a handshake


class Callers:
    """Hold the connections whose handshake is not complete, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Any], None] = {}

    async def known(self, handshake: Awaitable[Any]) -> Any:
        """Wait until the TLS handshake of a connection is complete, and return the result of the
        handshake. Returns None if the handshake fails, takes too long, or was cancelled because of
        newer connections.
        """
        task = asyncio.ensure_future(handshake)
        self._waiting[task] = None
        if len(self._waiting) > MOST:
            next(iter(self._waiting)).cancel()
        try:
            await asyncio.wait({task}, timeout=SECONDS)
            return task.result() if task.done() and not task.cancelled() else None
        except OSError:  # also ssl.SSLError and tornado's StreamClosedError
            return None
        finally:
            del self._waiting[task]
            task.cancel()


def ask_all(server: Any) -> None:
    """Make tornado's HTTP server complete the TLS handshake before it handles a connection.

    Until a connection's handshake is complete, the server only lists the connection in Callers.
    """
    take, callers = server.handle_stream, Callers()

    async def handle_stream(stream: Any, address: Any) -> None:
        if await callers.known(stream.wait_for_handshake()):
            take(stream, address)
        else:
            stream.close()

    server.handle_stream = handle_stream
    log_no_failed_handshakes()


def log_no_failed_handshakes() -> None:
    """Turn off tornado's log messages about failed handshakes. Otherwise anybody on the network
    could fill the log with these messages.

    tornado itself logs a line for each failed handshake (iostream.py, _do_ssl_handshake).
    """
    logging.getLogger("tornado.general").addFilter(
        lambda record: not str(record.msg).startswith("SSL Error on")
    )
