"""Answer one WebSocket with one word, so that `make doctor` can test the way of WebSockets.

Anybody can open it, as anybody can open the login page. It reads nothing, and ends at once.
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
        """Ignore what the client sends."""
