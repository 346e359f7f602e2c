"""A program behind a server's proxy: answers with what it was sent, sets cookies, echoes over a
WebSocket.

Run as `python proxied_app.py ADDRESS`: a path for a Unix socket, else an IP address. Prints its
port, then each request.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

from tornado import httpserver, netutil, web, websocket

COOKIES = (
    "theme=dark; Path=/",
    "_xsrf=forged; Path=/user/u/",
    "jupyterhub-session-id=x; Path=/; Domain=example.org",
)


class Echo(websocket.WebSocketHandler):
    def check_origin(self, _origin: str) -> bool:
        return True

    def open(self) -> None:
        print(json.dumps(dict(self.request.headers)), flush=True)

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Told(web.RequestHandler):
    async def any(self) -> None:
        told = {
            "uri": self.request.uri,
            "method": self.request.method,
            "headers": dict(self.request.headers),
        }
        print(json.dumps(told), flush=True)
        for cookie in COOKIES:
            self.add_header("Set-Cookie", cookie)
        self.set_header("Service-Worker-Allowed", "/")
        if self.request.headers.get("Accept") == "text/event-stream":
            self.write("data: one\n\n")
            await self.flush()
            self.write("data: two\n\n")
        else:
            self.write(told)

    get = post = put = delete = any  # type: ignore[assignment]


async def main(address: str) -> None:
    server = httpserver.HTTPServer(web.Application([(".*/echo", Echo), (".*", Told)]))
    if address.startswith("/"):
        server.add_socket(netutil.bind_unix_socket(address))
        print(0, flush=True)
    else:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        [line] = netutil.bind_sockets(0, address, family=family)
        server.add_socket(line)
        print(line.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
