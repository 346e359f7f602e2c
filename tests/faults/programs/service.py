#!/usr/bin/python3
"""In the place of a proxy or a hub: listen where its command line or its site says, and answer."""

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Well(BaseHTTPRequestHandler):
    """Answers whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version": "6"}')  # a hub's version, and a proxy's routes


words = " ".join(sys.argv)
ports = re.findall(r"port (\d+)", words)
if "jupyterhub_config" in words:
    site = Path(sys.argv[-1]).with_name("site.yml").read_text()
    if "title: Broken" in site:
        sys.exit("the disk is full")
    ports = re.findall(r"^hub:(?:\n .*)*?\n  port: (\d+)", site, re.MULTILINE)
for port in ports:
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Well)
    threading.Thread(target=server.serve_forever).start()
