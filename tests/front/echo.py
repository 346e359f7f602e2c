"""A backend that answers with what it got, and shows off a banner."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """Paths below /hub/ answer with JupyterHub's headers. A WebSocket sends back, reversed, the
    first thing it gets."""

    server_version = "Backend/9.9"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.wfile.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
            self.wfile.write(self.connection.recv(100)[::-1])
            self.close_connection = True
            return
        length = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": headers, "body": length}).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("X-Frame-Options", "ALLOWALL")
        self.send_header(
            "Content-Security-Policy", "frame-ancestors 'none'; report-uri /hub/security/csp-report"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *words: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
