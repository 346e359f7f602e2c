"""Print what the hub's port does with connections that send nothing, that send only a first byte, and
with many connections of one server.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tornado.httpserver
from internal_tls_site import HOUR, context, issue, site
from tornado.web import Application, RequestHandler

from sitekit.contracts.internal_tls import client_context, server_context
from sitekit.hub.overrides import internal_tls
from sitekit.session.hub_connection import limit_unfinished_connections

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Ok(RequestHandler):
    def get(self):
        self.finish("ok")


def opened():
    return len(os.listdir("/proc/self/fd"))


async def until(holds):
    for _ in range(6000):
        if holds():
            return True
        await asyncio.sleep(0.02)
    return False


async def asks(port, tls):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(1000), 120)
        return answer.endswith(b"ok") and (reader, writer)
    except OSError:
        return None


async def main():
    internal_tls.serve_by_tls(server_context(site, "hub"), lambda: False)
    served = tornado.httpserver.HTTPServer(Application([("/", Ok)]))
    served.listen(0, "127.0.0.1")
    [listening] = served._sockets.values()
    port, found = listening.getsockname()[1], {}
    limit_unfinished_connections.SECONDS = 600
    before, ends = opened(), []
    for number in range(limit_unfinished_connections.MOST + 200):
        ends.append(await asyncio.open_connection("127.0.0.1", port))
        if number % 2:
            ends[-1][1].write(b"\x16")
    most = (
        before + len(ends) + limit_unfinished_connections.MOST + 10
    )  # both ends are of this process
    found["no more than that are kept"] = await until(lambda: opened() <= most)
    found["who has a certificate comes in meanwhile"] = bool(
        await asks(port, client_context(site, "culler"))
    )
    found["the first have been closed"] = [
        await asyncio.wait_for(one.read(), 120) for one, _ in ends[:2]
    ] == [b"", b""]
    limit_unfinished_connections.SECONDS = 0.1
    late = await asyncio.open_connection("127.0.0.1", port)
    late[1].write(b"\x16")
    found["who begins and does not go on is closed"] = (
        await asyncio.wait_for(late[0].read(), 120) == b""
    )
    limit_unfinished_connections.SECONDS = 600
    own = context(issue("aaaa", HOUR), ssl.PROTOCOL_TLS_CLIENT)
    mine = [await asks(port, own) for _ in range(internal_tls.EACH + 5)]
    found["all of one server are answered"] = all(mine)
    found["and its oldest are closed"] = [
        await asyncio.wait_for(one[0].read(), 120) for one in mine[:5]
    ] == [b""] * 5
    mine[5][1].write(REQUEST)
    found["the others are not"] = (await asyncio.wait_for(mine[5][0].read(1000), 120)).endswith(
        b"ok"
    )
    found["another server"] = bool(
        await asks(port, context(issue("bbbb", HOUR), ssl.PROTOCOL_TLS_CLIENT))
    )
    print(json.dumps(found))


asyncio.run(main())
