"""The hub's side of internal TLS, in the hub's Python: whom its client reaches, and whom its port
answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import kernel_site
import pytest
from machine_sites import demo

from sitekit.machine.host.site_on_machine import Target
from sitekit.machine.render.certificate_authorities import internal_tls_files
from sitekit.site.show import dump

pytestmark = pytest.mark.usefixtures("hub_environment")

# internal.py takes its files from here
HEAD = """
import asyncio, json, ssl, sys, tempfile
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, {scripts!r})
place = Path({folder!r})
from sitekit.contracts import internal_tls as internal
internal.folder = lambda site: place
from sitekit.contracts.internal_tls import *
from sitekit.hub.servers.certificates import Certificates
from sitekit.site import load_site
site = load_site(place / "site.yml")
issue = Certificates(site).issue
HOUR, OVER = timedelta(hours=1), timedelta(hours=-1, seconds=-1)  # the second is over by a second, whatever the skew

def context(sent, side=ssl.PROTOCOL_TLS_SERVER):
    made = ssl.SSLContext(side)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    with tempfile.NamedTemporaryFile() as file:
        file.write(b64decode(sent))
        file.flush()
        made.load_cert_chain(file.name)
    return made
"""

# Prints, by who listens at the address of the server `aaaa`, what JupyterHub's own client gets
# there; then how much all who were not to be asked were told.
CALL = """
from jupyterhub.app import JupyterHub
from jupyterhub.utils import wait_for_http_server
from sitekit.hub.overrides.internal_tls import call_by_name

told = []

async def answer(reader, writer):
    try:
        told.append((await reader.readuntil(b"\\r\\n\\r\\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{{}}")
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()

async def main():
    hub_state = SimpleNamespace(site=site, addresses={{"aaaa": "127.0.0.1"}})
    call_by_name(hub_state)
    JupyterHub().init_internal_ssl()
    listeners = {{"itself": context(issue("aaaa", HOUR)), "another": context(issue("bbbb", HOUR)),
                 "expired": context(issue("aaaa", OVER)), "plain": None}}
    found = {{}}
    for who, tls in listeners.items():
        told.clear()
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        try:
            await wait_for_http_server(f"https://{{name_of('aaaa')}}:{{port}}/api", timeout=0.5)
            found[who] = len(told)
        except TimeoutError:
            found[who] = -len(told)
        server.close()
    try:
        await wait_for_http_server(f"https://{{name_of('cccc')}}:1/api", timeout=0.1)
    except TimeoutError:
        found["unknown"] = 0
    print(json.dumps(found))

asyncio.run(main())
"""

# Prints, by caller, what the hub's port answers while plain HTTP is not taken, and while it is.
ANSWER = """
from sitekit.hub.overrides import internal_tls, hub_port_callers as peers
import tornado.httpserver
from tornado.web import Application, RequestHandler

class Who(RequestHandler):
    def get(self):
        self.finish(json.dumps(peers.certified(self.request)))

async def call(port, tls, said=b"GET / HTTP/1.0\\r\\n\\r\\n"):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(said)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return json.loads(answer.split(b"\\r\\n\\r\\n")[1])
    except (OSError, IndexError):
        return None

async def main():
    plain = [False]
    internal_tls.answer(answering(site, "hub"), lambda: plain[0])
    served = tornado.httpserver.HTTPServer(Application([("/", Who)]))
    served.listen(0, "127.0.0.1")
    [listening] = served._sockets.values()
    port = listening.getsockname()[1]
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    server, expired = (context(issue("aaaa", lasts), ssl.PROTOCOL_TLS_CLIENT) for lasts in (HOUR, OVER))
    callers = {{"server": server, "proxy": calling(site, "proxy"), "culler": calling(site, "culler"),
               "expired": expired, "without": bare, "plain": None}}
    found = {{who: await call(port, tls) for who, tls in callers.items()}}
    silent = asyncio.create_task(call(port, None, b""))
    plain[0] = True
    found["plain, while it is taken"] = await call(port, None)
    found["server, while plain is taken"] = await call(port, callers["server"])
    silent.cancel()
    print(json.dumps(found))

asyncio.run(main())
"""

# Prints what becomes of connections that say nothing, or begin and never go on, and how many of one
# server are taken.
CROWD = """
import os
from sitekit.hub.overrides import internal_tls
from sitekit.session import limit_handshakes
import tornado.httpserver
from tornado.web import Application, RequestHandler

REQUEST = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"

class Ok(RequestHandler):
    def get(self):
        self.finish("ok")

def opened():
    return len(os.listdir("/proc/self/fd"))

async def until(holds):
    for _ in range(500):
        if holds():
            return True
        await asyncio.sleep(0.02)
    return False

async def asks(port, tls):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(1000), 10)
        return answer.endswith(b"ok") and (reader, writer)
    except OSError:
        return None

async def main():
    internal_tls.answer(answering(site, "hub"), lambda: False)
    served = tornado.httpserver.HTTPServer(Application([("/", Ok)]))
    served.listen(0, "127.0.0.1")
    [listening] = served._sockets.values()
    port, found = listening.getsockname()[1], {{}}
    limit_handshakes.SECONDS = 600
    before, ends = opened(), []
    for number in range(limit_handshakes.MOST + 200):
        ends.append(await asyncio.open_connection("127.0.0.1", port))
        if number % 2:
            ends[-1][1].write(b"\\x16")
    most = before + len(ends) + limit_handshakes.MOST + 10  # both ends are of this process
    found["no more than that are kept"] = await until(lambda: opened() <= most)
    found["who has a certificate comes in meanwhile"] = bool(await asks(port, calling(site, "culler")))
    found["the first have been closed"] = [await asyncio.wait_for(one.read(), 10) for one, _ in ends[:2]] == [b"", b""]
    limit_handshakes.SECONDS = 0.1
    late = await asyncio.open_connection("127.0.0.1", port)
    late[1].write(b"\\x16")
    found["who begins and does not go on is closed"] = await asyncio.wait_for(late[0].read(), 10) == b""
    limit_handshakes.SECONDS = 600
    own = context(issue("aaaa", HOUR), ssl.PROTOCOL_TLS_CLIENT)
    mine = [await asks(port, own) for _ in range(internal_tls.EACH + 5)]
    found["all of one server are answered"] = all(mine)
    found["and its oldest are closed"] = [await asyncio.wait_for(one[0].read(), 10) for one in mine[:5]] == [b""] * 5
    mine[5][1].write(REQUEST)
    found["the others are not"] = (await asyncio.wait_for(mine[5][0].read(1000), 10)).endswith(b"ok")
    found["another server"] = bool(await asks(port, context(issue("bbbb", HOUR), ssl.PROTOCOL_TLS_CLIENT)))
    print(json.dumps(found))

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What lies in /etc/sitekit/NAME/internal, and the site."""
    site = demo()
    for path, file in internal_tls_files(Target(site, tmp_path / "machine")).items():
        (tmp_path / path.name).write_text(file.content)
    (tmp_path / "site.yml").write_text(dump(site))
    return tmp_path


def said(program: str, folder: Path) -> Any:
    """What a program prints in the hub's Python."""
    text = (HEAD + program).format(
        scripts=str(Path(__file__).parents[3] / "scripts"), folder=str(folder)
    )
    command = [kernel_site.release() / "bin/python", "-I", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_hubs_client_speaks_to_the_server_of_this_start_alone(folder: Path) -> None:
    """Negative: nobody answered; 0: and nobody was told a byte of the request."""
    found = said(CALL, folder)
    assert found.pop("itself") > 0
    assert found == {"another": 0, "expired": 0, "plain": 0, "unknown": 0}


def test_the_hubs_port_answers_who_has_a_certificate(folder: Path) -> None:
    assert said(ANSWER, folder) == {
        "server": ["servers", "aaaa"],
        "proxy": ["services", "proxy"],
        "culler": ["servers", "culler"],
        "expired": None,
        "without": None,
        "plain": None,
        "plain, while it is taken": ["", ""],
        "server, while plain is taken": ["servers", "aaaa"],
    }


def test_strangers_connections_take_no_ones_place(folder: Path) -> None:
    found = said(CROWD, folder)
    assert all(found.values()), found
