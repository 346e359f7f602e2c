"""The hub's view of a real configurable-http-proxy: the routes, and no word of who is active."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import kernel_site
import pytest
from session_parts import free_port, until

pytestmark = pytest.mark.usefixtures("hub_environment")

SCRIPTS = Path(__file__).parents[3] / "scripts"
ASK = """
import asyncio, json, sys
sys.path.insert(0, {scripts!r})
from jupyterhub.proxy import ConfigurableHTTPProxy
from sitekit.hub.overrides.proxy import SilentProxy

async def routes():
    kinds = (ConfigurableHTTPProxy, SilentProxy)
    return [await kind(api_url={url!r}, auth_token="t").get_all_routes() for kind in kinds]

print(json.dumps(asyncio.run(routes())))
"""


def test_the_proxys_idea_of_activity_is_left_out(tmp_path: Path) -> None:
    release, api = kernel_site.release(), free_port()
    url = f"http://127.0.0.1:{api}"
    words = ["--ip=127.0.0.1", f"--port={free_port()}", "--api-ip=127.0.0.1", f"--api-port={api}"]
    environment = {
        "PATH": f"{release}/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "CONFIGPROXY_AUTH_TOKEN": "t",
    }
    proxy = subprocess.Popen(
        [release / "bin/configurable-http-proxy", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        route = {"target": "http://127.0.0.1:9", "user": "u", "server_name": "", "jupyterhub": True}
        until(lambda: answers(f"{url}/api/routes/user/u", route))
        ask = ASK.format(scripts=str(SCRIPTS), url=f"{url}/")
        told = subprocess.run(
            [release / "bin/python", "-I", "-c", ask],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ,
        )
        upstreams, ours = json.loads(told.stdout or f'"{told.stderr}"')
    finally:
        proxy.terminate()
        proxy.wait(30)
    assert upstreams["/user/u/"]["data"].pop("last_activity")
    assert ours == upstreams
    assert ours["/user/u/"]["data"] == {"user": "u", "server_name": ""}


ADD = """
import asyncio, json, sys
from types import SimpleNamespace
sys.path.insert(0, {scripts!r})
from sitekit.hub.overrides.proxy import SilentProxy
from sitekit.hub.servers.ledger import LedgerTrouble

added = []

class Ledger:
    def record_ready(self, tag):
        added.append(tag)
        raise LedgerTrouble("the disk is full")

class Proxy(SilentProxy):
    hub_state = SimpleNamespace(ledger=Ledger())

    async def add_route(self, routespec, target, data):
        added.append(routespec)

def user(child):
    server = SimpleNamespace(host="http://hub:44651")
    spawner = SimpleNamespace(child_spawner=child, proxy_spec=f"/{{len(added)}}/", server=server, pending=None)
    return SimpleNamespace(name="u", spawners={{"": spawner}})

async def add():
    silent = SimpleNamespace(reported_port=lambda: 0)
    ready = SimpleNamespace(reported_port=lambda: 20000, tag="ready")
    for child in (None, silent, ready):
        await Proxy(auth_token="t").add_user(user(child))

asyncio.run(add())
print(json.dumps(added))
"""


def test_a_server_that_has_told_no_port_gets_no_route() -> None:
    """JupyterHub makes up an address for it, on the hub's own host."""
    argv = [kernel_site.release() / "bin/python", "-I", "-c", ADD.format(scripts=str(SCRIPTS))]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert json.loads(told.stdout or f'"{told.stderr}"') == ["/0/", "ready"]


def answers(url: str, body: object) -> bool:
    request = Request(url, json.dumps(body).encode(), {"Authorization": "token t"}, method="POST")  # noqa: S310
    try:
        urlopen(request, timeout=10).close()  # noqa: S310
    except URLError:
        return False
    return True
