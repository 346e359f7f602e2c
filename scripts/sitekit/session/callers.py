"""Connections whose other end has not shown yet who it is: each for some seconds, and so many at a
time.

Anybody on the network may open connections and say nothing, and each takes one of the files that a
process may have open. Where too many wait the oldest goes: who has a certificate shows it within
milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

MOST = 200
SECONDS = 10.0


class Callers:
    """Those who have not shown anything yet, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Any], None] = {}

    async def known(self, handshake: Awaitable[Any]) -> Any:
        """The outcome of a handshake; None where it fails, takes too long, or has to make room."""
        shown = asyncio.ensure_future(handshake)
        self._waiting[shown] = None
        if len(self._waiting) > MOST:
            next(iter(self._waiting)).cancel()
        try:
            await asyncio.wait({shown}, timeout=SECONDS)
            return shown.result() if shown.done() and not shown.cancelled() else None
        except OSError:  # ssl.SSLError and tornado's StreamClosedError too
            return None
        finally:
            del self._waiting[shown]
            shown.cancel()


def ask_all(server: Any) -> None:
    """Let this HTTP server of tornado's, which speaks TLS, take no more than that of whoever does
    not."""
    take, callers = server.handle_stream, Callers()

    async def handle_stream(stream: Any, address: Any) -> None:
        if await callers.known(stream.wait_for_handshake()):
            take(stream, address)
        else:
            stream.close()

    server.handle_stream = handle_stream
    log_no_failed_handshakes()


def log_no_failed_handshakes() -> None:
    """tornado writes a line for each (iostream.py, _do_ssl_handshake): strangers could fill the
    log."""
    logging.getLogger("tornado.general").addFilter(
        lambda record: not str(record.msg).startswith("SSL Error on")
    )
