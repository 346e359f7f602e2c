"""Print, for each pair of the hub's address and the caller's address, whether the hub takes the caller
for a program of its own machine.

The arguments are the folder of sitekit's package and the pairs as JSON. If the caller's address is
empty, the kernel chooses it.
"""

import asyncio
import json
import sys

sys.path.insert(0, sys.argv[1])
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from sitekit.hub.overrides.hub_port_callers import is_of_this_machine


class Peer(RequestHandler):
    def get(self):
        self.finish(json.dumps(is_of_this_machine(self.request)))


async def call(address, source):
    server = HTTPServer(Application([("/", Peer)]), xheaders=True)
    [listening] = bind_sockets(0, address)
    server.add_socket(listening)
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(
        address, listening.getsockname()[1], local_addr=local
    )
    writer.write(b"GET / HTTP/1.0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    server.stop()
    return json.loads(answer.split(b"\r\n\r\n")[1])


async def main():
    print(json.dumps([await call(*pair) for pair in json.loads(sys.argv[2])]))


asyncio.run(main())
