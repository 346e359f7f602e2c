"""The hub's view of a real configurable-http-proxy: the routes, and no word of who is active."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import kernel_site
import pytest
from session_parts import free_port, until

pytestmark = pytest.mark.usefixtures("hub_environment")

SCRIPTS = Path(__file__).parents[3] / "scripts"
PROGRAMS = Path(__file__).parent / "programs"


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
        told = subprocess.run(
            [release / "bin/python", "-I", PROGRAMS / "proxy_routes.py", SCRIPTS, f"{url}/"],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ,
        )
        upstreams, ours = json.loads(told.stdout or f'"{told.stderr}"')
    finally:
        proxy.terminate()
        proxy.wait(120)
    assert upstreams["/user/u/"]["data"].pop("last_activity")
    assert ours == upstreams
    assert ours["/user/u/"]["data"] == {"user": "u", "server_name": ""}


def test_a_server_that_has_told_no_port_gets_no_route() -> None:
    """JupyterHub makes up an address for it, on the hub's own host."""
    argv = [kernel_site.release() / "bin/python", "-I", PROGRAMS / "add_routes.py", SCRIPTS]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert json.loads(told.stdout or f'"{told.stderr}"') == ["/0/", "ready"]


def answers(url: str, body: object) -> bool:
    request = Request(url, json.dumps(body).encode(), {"Authorization": "token t"}, method="POST")  # noqa: S310
    try:
        urlopen(request, timeout=60).close()  # noqa: S310
    except OSError:
        return False
    return True


def test_a_round_without_changes_reads_the_state_of_each_server_once() -> None:
    argv = [kernel_site.release() / "bin/python", "-I", PROGRAMS / "routes_round.py", SCRIPTS]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert json.loads(told.stdout or f'"{told.stderr}"') == {
        "nothing to do": [[], 1],
        "lost": [["ended logins", "check"], 2],
        "a stopped server": [["add /user/alice/two/"], 1],
        "it runs again": [[], 2],
        "its user has none": [["delete /user/alice/two/"], 2],
        "suspended": [["add /user/carol/"], 2],
    }
