"""Print, by caller, what the hub's port answers while it refuses plain HTTP, and while it accepts it."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tornado.httpserver
from internal_tls_site import EXPIRED, HOUR, context, issue, site
from tornado.web import Application, RequestHandler

from sitekit.contracts.internal_tls import client_context, server_context
from sitekit.hub.overrides import hub_port_callers as peers
from sitekit.hub.overrides import internal_tls


class Who(RequestHandler):
    def get(self):
        self.finish(json.dumps(peers.certificate_owner(self.request)))


async def call(port, tls, said=b"GET / HTTP/1.0\r\n\r\n"):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(said)
        answer = await asyncio.wait_for(reader.read(), 300)
        writer.close()
        return json.loads(answer.split(b"\r\n\r\n")[1])
    except (OSError, IndexError):
        return None


async def main():
    plain = [False]
    internal_tls.serve_by_tls(server_context(site, "hub"), lambda: plain[0])
    served = tornado.httpserver.HTTPServer(Application([("/", Who)]))
    served.listen(0, "127.0.0.1")
    [listening] = served._sockets.values()
    port = listening.getsockname()[1]
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    server, expired = (
        context(issue("aaaa", lasts), ssl.PROTOCOL_TLS_CLIENT) for lasts in (HOUR, EXPIRED)
    )
    callers = {
        "server": server,
        "proxy": client_context(site, "proxy"),
        "culler": client_context(site, "culler"),
        "expired": expired,
        "without": bare,
        "plain": None,
    }
    found = {who: await call(port, tls) for who, tls in callers.items()}
    silent = asyncio.create_task(call(port, None, b""))
    plain[0] = True
    found["plain, while it is taken"] = await call(port, None)
    found["server, while plain is taken"] = await call(port, callers["server"])
    silent.cancel()
    print(json.dumps(found))


asyncio.run(main())
