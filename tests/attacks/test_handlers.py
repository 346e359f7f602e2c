"""Each handler of alice's server, asked with her cookies by other sites' pages: what
tests/handlers.py promises."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
import websocket

from ..handlers import addresses
from .conftest import Server
from .state import ANY

MARK = '"><script>alert(1)</script>'
SCRIPT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FORM = {**LINK, "Origin": "https://evil.test", "Content-Type": "application/x-www-form-urlencoded"}
SILENT = {"/lab/api/licenses/*"}
"""Refuses, and never says so: its finish() wants an argument (jupyterlab_server,
licenses_handler.py)."""
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


def ask(
    server: Server, address: str, method: str = "GET", word: str = "a", **headers: str
) -> httpx.Response:
    """With alice's cookies, and a word of the caller's in the address and in its query."""
    assert server.person.xsrf(server.base) or server.person.lab().status_code == 200
    url = server.base + address.lstrip("/").replace("*", quote(word, safe=""))
    query = {} if address == "/logout" else {name: word for name in ("base", "repo", "path", "x")}
    body = b"a=b" if method in CHANGES else None
    return server.person.http.request(
        method, url, params=query, headers=headers, content=body, follow_redirects=False
    )


def test_no_address_becomes_a_script(server: Server) -> None:
    for address in addresses("api", "page", "asked", "question", "report", "file"):
        answer = ask(
            server,
            address,
            word=MARK,
            **{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"},
        )
        if "html" in answer.headers.get("content-type", ""):
            assert MARK not in answer.text and "<script>alert(1)" not in answer.text, address
        where = answer.headers.get("location", server.base)
        assert where.startswith(server.base), address


@pytest.mark.parametrize("method", CHANGES)
def test_no_form_of_another_site_changes_anything(server: Server, method: str) -> None:
    """A handler that only redirects does so, to a page of its own."""
    for address in addresses("api", "page", "asked", "question", "websocket"):
        if address not in SILENT:
            answer = ask(server, address, method, **FORM)
            stays = answer.status_code == 302 and answer.headers["location"].startswith(server.base)
            assert answer.status_code in (403, 404, 405) or stays, (
                f"{address} {answer.status_code} {answer.text[:300]}"
            )


def test_no_link_of_another_site_is_answered(server: Server) -> None:
    for address in addresses("asked"):
        for headers in (LINK, SCRIPT, {"Referer": "https://evil.test/"}):
            answer = ask(server, address, **headers)
            assert answer.status_code in (403, 405), (
                f"{address} {answer.status_code} {answer.text[:300]}"
            )
            assert "frame-ancestors" in answer.headers["content-security-policy"], address


def test_no_page_is_shown_in_a_frame_of_another_site(server: Server) -> None:
    for address in addresses("page", "question"):
        answer = ask(server, address, **LINK)
        if answer.status_code == 200:
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'self'" in policy or "frame-ancestors 'none'" in policy, address


@pytest.mark.parametrize("address", addresses("websocket"))
def test_no_page_of_another_site_opens_a_websocket(server: Server, address: str) -> None:
    url = (
        server.person.base.replace("https", "wss")
        + server.base
        + address.lstrip("/").replace("*", "a")
    )
    cookies = "; ".join(
        f"{c.name}={c.value}"
        for c in server.person.http.cookies.jar
        if c.path in ("/", server.base)
    )
    with pytest.raises(websocket.WebSocketBadStatusException, match=r"40[34]"):
        websocket.create_connection(
            url, cookie=cookies, origin="https://evil.test", sslopt={"context": ANY}, timeout=120
        )
