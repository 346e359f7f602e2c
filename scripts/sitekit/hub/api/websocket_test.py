"""Answer a WebSocket connection with one word so that `make doctor` can test whether front and
proxy forward WebSockets. The handler needs no login. The handler ignores all data from the client,
and closes the connection at once.
"""

from __future__ import annotations

from tornado.websocket import WebSocketHandler

PATH = r"/sitekit/socket"
WORD = "sitekit"


class SocketProbeHandler(WebSocketHandler):
    """Handle a WebSocket at /hub/sitekit/socket: send one word, and close the connection."""

    async def open(self, *_: str) -> None:
        await self.write_message(WORD)
        self.close()

    def on_message(self, message: str | bytes) -> None:
        """Ignore a message from the client."""
