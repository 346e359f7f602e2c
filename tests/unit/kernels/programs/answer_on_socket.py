"""Answer each GET request on a Unix socket (first argument) with a status (second argument)."""

import http.server
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(sys.argv[2]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


socketserver.UnixStreamServer(sys.argv[1], Handler).serve_forever()
