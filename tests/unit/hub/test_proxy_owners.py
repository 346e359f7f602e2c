"""proxy/owners.mjs in a real configurable-http-proxy: what gets through to a user's server, and
what does not."""

from __future__ import annotations

import hmac
import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import kernel_site
import pytest
from session_parts import free_port, until

from sitekit.base.data_files import data
from sitekit.hub.pages import server_access_cookie

pytestmark = pytest.mark.usefixtures("hub_environment")

KEY = server_access_cookie.key("t")
LATER = int(time.time()) + 86400


class Backend:
    """A server that remembers what reaches it, and answers a WebSocket's first request as well."""

    def __init__(self) -> None:
        seen = self.seen = []

        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                seen.append((self.command, self.path, self.headers))
                self.send_response(101 if self.headers.get("Upgrade") else 200)
                for name in ("Upgrade", "Connection"):
                    if self.headers.get("Upgrade"):
                        self.send_header(name, self.headers[name])
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = do_OPTIONS = do_PUT = do_DELETE = reply

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Proxy:
    """configurable-http-proxy with the check, between a hub, bob's server and a service."""

    def __init__(self, api: int) -> None:
        self.port, self.api = free_port(), api
        self.hub, self.bob, self.service = Backend(), Backend(), Backend()

    def ask(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """One request, its path as it is written. In the names of headers `_` stands for `-`."""
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        caller.request(
            method, path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = caller.getresponse()
        answer.read()
        caller.close()
        return answer

    def upgrade(self, path: str, **headers: str) -> int:
        return self.ask(path, Connection="Upgrade", Upgrade="websocket", **headers).status

    def route(self, path: str, **told: object) -> None:
        sent = {"Authorization": "token t"}
        request = Request(
            f"http://127.0.0.1:{self.api}/api/routes{path}", json.dumps(told).encode(), sent
        )
        urlopen(request, timeout=60).close()  # noqa: S310


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    release, found = kernel_site.release(), Proxy(free_port())
    words = [
        "--ip=127.0.0.1",
        f"--port={found.port}",
        "--api-ip=127.0.0.1",
        f"--api-port={found.api}",
    ]
    environment = {
        "PATH": f"{release}/bin:/usr/bin:/bin",
        "NODE_OPTIONS": f"--import={data('proxy/owners.mjs')}",
        "CONFIGPROXY_AUTH_TOKEN": "t",
    }
    said = tmp_path_factory.mktemp("proxy") / "said"
    with said.open("w") as out:
        program = subprocess.Popen(
            [release / "bin/configurable-http-proxy", *words, f"--default-target={found.hub.url}"],
            env=environment, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        until(lambda: _listens(found.api))
        found.route("/", target=found.hub.url, hub=True)
        found.route("/user/bob", target=found.bob.url, user="bob", server_name="")
        found.route("/user/bob/second", target=found.bob.url, user="bob", server_name="second")
        found.route("/services/grader", target=found.service.url, service="grader")
        found.route("/user/unknown", target=found.bob.url)
        yield found
    finally:
        program.terminate()
        program.wait(120)
        for backend in (found.hub, found.bob, found.service):
            backend.server.shutdown()
            backend.server.server_close()
        assert "Uncaught" not in said.read_text()


@pytest.fixture(autouse=True)
def unseen(proxy: Proxy) -> None:
    for backend in (proxy.hub, proxy.bob, proxy.service):
        backend.seen.clear()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cookie(servers: object, key: bytes = KEY, user: str = "alice") -> str:
    entry = server_access_cookie.Entry(user, servers)
    return f"{server_access_cookie.COOKIE}={server_access_cookie.write_entry(entry, key)}"


def test_its_owner_gets_in_and_the_cookie_does_not(proxy: Proxy):
    mine = cookie({"bob": LATER})
    assert proxy.ask("/user/bob/lab", Cookie=f"a=1; {mine}; b=2").status == 200
    assert proxy.ask("/user/bob/api", "POST", Cookie=mine).status == 200
    assert proxy.upgrade("/user/bob/second/channels", Cookie=f"{mine}; a=1") == 101
    assert [seen[2].get("Cookie") for seen in proxy.bob.seen] == ["a=1; b=2", None, "a=1"]


def test_the_hub_and_services_are_asked_as_ever_and_services_do_not_see_the_cookie(proxy: Proxy):
    mine = cookie({"bob": LATER})
    for path in ("/hub/home", "/user/nobody/lab", "/services/grader/", "/"):
        assert proxy.ask(path, Cookie=mine).status == 200
    assert [seen[2].get("Cookie") for seen in proxy.hub.seen] == [mine] * 3
    assert [seen[2].get("Cookie") for seen in proxy.service.seen] == [None]


OTHER_KEY = server_access_cookie.key("u")
WRONG = {
    "none": "",
    "another user's": cookie({"alice": LATER}),
    "over": cookie({"bob": int(time.time()) - 1}),
    "signed with another key": cookie({"bob": LATER}, OTHER_KEY),
    "signed with the secret itself": cookie({"bob": LATER}, b"t"),
    "unsigned": cookie({"bob": LATER}).split(".")[0],
    "with an empty signature": cookie({"bob": LATER}).split(".")[0] + ".",
    "with half a signature": cookie({"bob": LATER})[:-20],
    "of two parts too many": cookie({"bob": LATER}) + ".x.y",
    "with another's signature": cookie({"bob": LATER}).split(".")[0] + "." + cookie({}).split(".")[1],
    "two": f"{cookie({'alice': LATER})}; {cookie({'bob': LATER})}",
    "under another name": "sitekit-servers" + cookie({"bob": LATER}).removeprefix(server_access_cookie.COOKIE),
    "in other letters": cookie({"bob": LATER}).replace("__Host-", "__host-"),
    "with a no-break space before its name": "a=1; \xa0" + cookie({"bob": LATER}),
    "with a tab before its name": "a=1;\t" + cookie({"bob": LATER}),
    "without a time": cookie({"bob": None}),
    "with a text for a time": cookie({"bob": str(LATER)}),
    "with words of the language": cookie({"__proto__": {"bob": LATER}, "constructor": LATER}),
    "with an empty list": cookie({}),
}  # fmt: skip


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG.keys())
def test_no_other_cookie_opens_it(proxy: Proxy, sent: str):
    headers = {"Cookie": sent} if sent else {}
    for path in ("/user/bob", "/user/bob/lab", "/user/bob/second/lab"):
        answer = proxy.ask(path, **headers)
        assert answer.status == 302
        where = urlsplit(answer.headers["Location"])
        assert (where.scheme, where.netloc, where.path) == ("", "", "/hub/sitekit/enter")
        assert parse_qs(where.query) == {"next": [path]}
        assert answer.headers["Cache-Control"] == "no-store"
    assert proxy.upgrade("/user/bob/api/kernels/1/channels", **headers) == 403
    assert proxy.ask("/user/bob/api", "POST", **headers).status == 403
    assert proxy.bob.seen == proxy.hub.seen == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_what_opens_no_page_is_refused(proxy: Proxy, method: str):
    preflight = {"Origin": "https://else.example", "Access_Control_Request_Method": "GET"}
    assert proxy.ask("/user/bob/api", method, **preflight).status == 403
    assert proxy.bob.seen == []


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "websocket", "nonsense"])
def test_what_a_page_loads_is_refused_and_not_sent_elsewhere(proxy: Proxy, mode: str):
    assert proxy.ask("/user/bob/image.png", Sec_Fetch_Mode=mode).status == 403
    assert proxy.ask("/user/bob/", Sec_Fetch_Mode="navigate").status == 302
    assert proxy.bob.seen == []


@pytest.mark.parametrize("kind", ["token", "Token", "bearer", "Bearer"])
def test_a_token_in_the_header_is_the_servers_to_judge(proxy: Proxy, kind: str):
    assert proxy.ask("/user/bob/api", "POST", Authorization=f"{kind} abc").status == 200
    assert proxy.upgrade("/user/bob/api/kernels/1/channels", Authorization=f"{kind} abc") == 101
    assert len(proxy.bob.seen) == 2


def test_what_a_link_can_carry_is_no_token(proxy: Proxy):
    assert (
        proxy.ask("/user/bob/lab?a=1&token=abc")
        .headers["Location"]
        .endswith("next=%2Fuser%2Fbob%2Flab%3Fa%3D1")
    )
    assert proxy.upgrade("/user/bob/api/kernels/1/channels?token=abc") == 403
    assert (
        proxy.upgrade("/user/bob/x", Sec_WebSocket_Protocol="v1.token.websocket.jupyter.org.abc")
        == 403
    )
    # https://token:abc@hub.example.org/user/bob/
    assert proxy.ask("/user/bob/lab", Authorization="Basic dG9rZW46YWJj").status == 302
    assert proxy.ask("/user/bob/lab", Authorization="token").status == 302
    assert proxy.bob.seen == []


SPELLINGS = (
    "/user/bob/", "/user//bob/", "//user/bob/", "/user/bob%2F", "/user%2Fbob/", "/%75ser/bob/", "/user/%62ob/",
    "/user/alice/../bob/", "/user/alice/%2e%2e/bob/x", "/user/alice/.%2E/bob/", "/hub/../user/bob/",
    "/user/bob/../bob/lab", "/user\\bob\\", "/user/bob?x", "/user/bob#x", "//host/user/bob/x",
    "http://localhost/user/bob/", "http://else.example/user/bob/x", "/./user/./bob/.", "/user/bob/%00", "/user/bob/%",
    "/USER/bob/", "/user/BOB/", "/user/bob;x/", "/user/bob%20/", "/user/unknown/", "/services/grader/../../user/bob/",
)  # fmt: skip


@pytest.mark.parametrize("path", SPELLINGS)
def test_however_the_address_is_spelt(proxy: Proxy, path: str):
    """Whatever the proxy takes for an address of bob's server needs bob's cookie; what it does not
    never gets there."""
    for headers in ({}, {"Cookie": cookie({"alice": LATER, "BOB": LATER, "bob ": LATER})}):
        proxy.ask(path, **headers)
        proxy.ask(path, "POST", **headers)
        proxy.upgrade(path, **headers)
    assert proxy.bob.seen == []


def test_a_route_of_nobody_known_is_closed(proxy: Proxy):
    assert (
        proxy.ask("/user/unknown/", "POST", Cookie=cookie({"undefined": LATER, "": LATER})).status
        == 403
    )
    assert proxy.bob.seen == []


@pytest.mark.parametrize(
    "name", ["X_Forwarded_Uri", "X_Original_URL", "X_Rewrite_URL", "X_HTTP_Method_Override", "Host"]
)
def test_no_header_changes_whose_server_it_is(proxy: Proxy, name: str):
    assert (
        proxy.ask("/user/bob/", **{name: "/hub/home"}, Cookie=cookie({"alice": LATER})).status
        == 302
    )
    assert proxy.ask("/hub/home", **{name: "/user/bob/"}).status == 200
    assert proxy.bob.seen == []


def test_one_that_has_ended_opens_nothing_more(proxy: Proxy):
    one, other = (
        server_access_cookie.Entry("bob", {"bob": LATER}),
        server_access_cookie.Entry("bob", {"bob": LATER}),
    )
    sent = [
        f"{server_access_cookie.COOKIE}={server_access_cookie.write_entry(each, KEY)}"
        for each in (one, other)
    ]
    for wrong in ({}, {"Authorization": "token u"}, {"Authorization": "token t x"}):
        assert end(proxy, one.id, wrong) == 403
    assert [proxy.ask("/user/bob/", Cookie=each).status for each in sent] == [200, 200]
    assert end(proxy, one.id, {"Authorization": "token t"}) == 204
    assert [proxy.ask("/user/bob/", Cookie=each).status for each in sent] == [302, 200]
    renewed = server_access_cookie.write_entry(one.to("bob", LATER + 9, now=0), KEY)
    assert proxy.ask("/user/bob/", Cookie=f"{server_access_cookie.COOKIE}={renewed}").status == 302


def end(proxy: Proxy, which: str, headers: dict[str, str]) -> int:
    caller = http.client.HTTPConnection("127.0.0.1", proxy.api, timeout=120)
    caller.request("POST", f"/api/routes/sitekit/ended/{which}?until={LATER + 9}", headers=headers)
    status = caller.getresponse().status
    caller.close()
    return status


def test_python_reads_what_python_wrote():
    first = server_access_cookie.Entry("alice", {"alice": 5, "bob": 9})
    assert (
        server_access_cookie.read_entry(server_access_cookie.write_entry(first, KEY), KEY) == first
    )
    assert first.to("carol", 20.5, now=6) == server_access_cookie.Entry(
        "alice", {"bob": 9, "carol": 20}, first.id
    )
    for value in (
        "",
        ".",
        "x",
        "x.y",
        server_access_cookie.write_entry(first, OTHER_KEY),
        server_access_cookie.write_entry(first, KEY)[:-1],
        "é.é",
    ):
        assert server_access_cookie.read_entry(value, KEY) is None
    assert (
        hmac.compare_digest(KEY, server_access_cookie.key("t"))
        and server_access_cookie.key("u") != KEY
    )


@pytest.mark.parametrize("lacks", ["secret", "method"])
def test_a_proxy_that_cannot_check_does_not_start(tmp_path: Path, lacks: str):
    release = kernel_site.release()
    for name in ("class.mjs", "ended.mjs", "owners.mjs"):
        text = data(f"proxy/{name}").read_text()
        (tmp_path / name).write_text(
            text.replace('"targetForReq"', '"targetOf"') if lacks == "method" else text
        )
    environment = {
        "PATH": f"{release}/bin:/usr/bin:/bin",
        "NODE_OPTIONS": f"--import={tmp_path}/owners.mjs",
    }
    if lacks == "method":
        environment["CONFIGPROXY_AUTH_TOKEN"] = "t"
    words = [f"--port={free_port()}", f"--api-port={free_port()}"]
    program = [release / "bin/configurable-http-proxy", *words]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert {"secret": "CONFIGPROXY_AUTH_TOKEN is not set", "method": "has no method targetOf"}[
        lacks
    ] in done.stderr
