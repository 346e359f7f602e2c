"""Where the hub is, and who is on its own machine: real connections, in a network of the test's
own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = [
    pytest.mark.usefixtures("hub_environment"),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace"),
]

NETWORK = """
ip link set lo up
for address in 10.1.0.5/24 10.1.0.9/24 fd00::5/64 fd00::9/64; do ip address add $address dev lo nodad || exit; done
exec "$@"
"""
# Prints what the hub takes each caller for, by the hub's address and the one that the caller chose,
# if any.
CALL = """
import asyncio, json, sys
sys.path.insert(0, {scripts!r})
from sitekit.hub.overrides.hub_port_callers import is_of_this_machine
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

class Peer(RequestHandler):
    def get(self):
        self.finish(json.dumps(is_of_this_machine(self.request)))

async def call(address, source):
    server = HTTPServer(Application([("/", Peer)]), xheaders=True)
    [listening] = bind_sockets(0, address)
    server.add_socket(listening)
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(address, listening.getsockname()[1], local_addr=local)
    writer.write(b"GET / HTTP/1.0\\r\\nX-Forwarded-For: 127.0.0.1\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    server.stop()
    return json.loads(answer.split(b"\\r\\n\\r\\n")[1])

async def main():
    print(json.dumps([await call(*pair) for pair in json.loads(sys.argv[1])]))

asyncio.run(main())
"""


ADDRESSES = """
import json, sys
sys.path.insert(0, {scripts!r})
from jupyterhub.app import JupyterHub
from sitekit.base.data_files import data
from sitekit.hub.configure import update_addresses
from sitekit.site import Site, load_site
from traitlets.config import Config

values = load_site(data("config/sites/demo.yml")).model_dump(mode="json")
values["hub"] |= {{"address": "fd00::5", "port": 8081}}
update_addresses(config := Config(), Site.model_validate(values))
app = JupyterHub(config=config)
app.init_hub()
print(json.dumps([app.hub.ip, app.hub.port, app.hub.bind_url, app.hub.api_url]))
"""


def run(program: str, *words: str) -> list:
    """What it prints, with the hub's Python, in a network with the addresses above."""
    program = program.format(scripts=str(Path(__file__).parents[3] / "scripts"))
    python = kernel_site.release() / "bin/python"
    argv = ["unshare", "--net", "sh", "-c", NETWORK, "sh", python, "-c", program, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def taken_for_its_own(*calls: tuple[str, str]) -> list[bool]:
    return run(CALL, json.dumps(calls))


def test_the_proxy_is_known_at_every_address_that_a_hub_may_have() -> None:
    """Also where the kernel picks another for the way to it: 127.0.0.1, or the first of the
    network."""
    addresses = ["127.0.0.1", "127.0.1.1", "10.1.0.5", "10.1.0.9", "fd00::5", "fd00::9"]
    said = taken_for_its_own(*((address, "") for address in addresses))
    assert dict(zip(addresses, said, strict=True)) == dict.fromkeys(addresses, True)


def test_nobody_else_is_whatever_he_says() -> None:
    calls = [
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.1.1", "127.0.1.1"),
        ("10.1.0.5", "10.1.0.9"),
        ("fd00::5", "fd00::9"),
    ]
    assert taken_for_its_own(*calls) == [False] * len(calls)


def test_a_hub_may_have_an_ipv6_address() -> None:
    url = "https://[fd00::5]:8081/hub/"
    assert run(ADDRESSES) == ["fd00::5", 8081, url, f"{url}api"]
