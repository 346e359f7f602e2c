"""Print, by listener at the address of the server `aaaa`, what JupyterHub's own client gets there.

The figure is the number of requests that the listener read. The figure is negative if the client
got no answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent))

from internal_tls_site import EXPIRED, HOUR, context, issue, site
from jupyterhub.app import JupyterHub
from jupyterhub.utils import wait_for_http_server

from sitekit.contracts.internal_tls import name_of
from sitekit.hub.overrides.internal_tls import call_by_name

told = []


async def answer(reader, writer):
    try:
        told.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main():
    hub_state = SimpleNamespace(site=site, addresses={"aaaa": "127.0.0.1"})
    call_by_name(hub_state)
    JupyterHub().init_internal_ssl()
    listeners = {
        "itself": context(issue("aaaa", HOUR)),
        "another": context(issue("bbbb", HOUR)),
        "expired": context(issue("aaaa", EXPIRED)),
        "plain": None,
    }
    found = {}
    for who, tls in listeners.items():
        told.clear()
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        # a busy machine may answer late; of the others no answer is expected
        seconds = 60 if who == "itself" else 0.5
        try:
            await wait_for_http_server(f"https://{name_of('aaaa')}:{port}/api", timeout=seconds)
            found[who] = len(told)
        except TimeoutError:
            found[who] = -len(told)
        server.close()
    try:
        await wait_for_http_server(f"https://{name_of('cccc')}:1/api", timeout=0.1)
    except TimeoutError:
        found["unknown"] = 0
    print(json.dumps(found))


asyncio.run(main())
