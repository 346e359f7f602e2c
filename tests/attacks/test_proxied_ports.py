"""/proxy/PORT on a node with neighbours: bob listens, alice's server does not connect; hers get
none of her cookies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ..conftest import Demo
from .conftest import Server

LISTEN = Path(__file__).parent / "programs" / "listen.py"
FORMS = ("proxy/{}/", "proxy/absolute/{}/", "proxy/localhost:{}/", "proxy/127.0.0.1:{}/")


def listener(user: str) -> subprocess.Popen[str]:
    """By the program's text: a user may not read the checkout."""
    account = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
    words = [*account, "/usr/bin/python3", "-c", LISTEN.read_text()]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd="/")


@pytest.fixture
def bobs() -> Iterator[tuple[subprocess.Popen[str], int]]:
    yield from _listening("bob")


@pytest.fixture
def own() -> Iterator[tuple[subprocess.Popen[str], int]]:
    yield from _listening("alice")


def _listening(user: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with listener(user) as process:
        assert process.stdout
        yield process, int(process.stdout.readline())
        process.kill()


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    assert server.person.lab().status_code == 200
    sent = {
        "Sec-Fetch-Site": "same-origin",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return server.person.http.get(f"{server.base}{path}", headers=sent, follow_redirects=False)


def heard(process: subprocess.Popen[str]) -> list[str]:
    """All that a listener was sent, once it has ended."""
    process.kill()
    assert process.stdout
    return [json.loads(line) for line in process.stdout.read().splitlines()]


@pytest.mark.parametrize("form", FORMS)
def test_a_neighbours_port_gets_no_byte(
    server: Server, bobs: tuple[subprocess.Popen[str], int], form: str
) -> None:
    process, port = bobs
    answer = get(server, form.format(port))
    assert answer.status_code == 403 and "a program of another user" in answer.text
    assert heard(process) == []


@pytest.mark.parametrize("form", FORMS)
def test_an_own_port_gets_nothing_of_the_hubs(
    server: Server, own: tuple[subprocess.Popen[str], int], form: str
) -> None:
    process, port = own
    server.person.http.cookies.set("theme", "dark", path=f"{server.base}")
    answer = get(server, form.format(port), X_XSRFToken=server.person.xsrf(server.base))
    assert (answer.status_code, answer.text) == (200, "ok"), answer.text
    assert not any("_xsrf" in cookie for cookie in answer.headers.get_list("set-cookie"))
    [told] = heard(process)
    assert "theme=dark" in told
    for secret in (
        "jupyterhub",
        "_xsrf",
        "sitekit",
        "token",
        *(c.value for c in server.person.http.cookies.jar),
    ):
        assert secret == "dark" or secret not in told


def test_a_link_of_another_site_asks_first(
    server: Server, own: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = own
    answer = get(
        server, f"proxy/{port}/x?y=<b>", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document"
    )
    assert answer.status_code == 403 and "Open it" in answer.text and "<b>" not in answer.text
    assert heard(process) == []


def test_the_ports_of_hub_proxy_and_front_are_not_hers(demo: Demo, server: Server) -> None:
    for port in (
        demo.site.hub.port,
        demo.site.proxy.port,
        demo.site.proxy.api_port,
        demo.site.front.port,
    ):
        assert get(server, f"proxy/{port}/hub/api").status_code == 403
