"""Ports behind a session's proxy, for real: own programs on TCP and Unix sockets, a stranger's,
other sites' pages."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import kernel_site
import pytest
import session_parts as parts
import websocket
from session_parts import Server, session

APP = Path(__file__).with_name("proxied_app.py")
COOKIE = "jupyterhub-user-u=secret1; _xsrf=secret2; theme=dark; sitekit-u=secret3"
FOREIGN = {
    "a link": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
    "a frame": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
    },
    "a sibling's script": {
        "Sec-Fetch-Site": "same-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "script",
    },
    "a form": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Origin": "https://evil.test",
    },
}


class App:
    """The program of proxied_app.py. `heard` is what it was sent so far."""

    def __init__(self, address: str, **started: object) -> None:
        python = str(kernel_site.release() / "bin" / "python")
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, "-I", "-c", APP.read_text(), address], stdout=self.out, cwd="/", **started
        )  # type: ignore[call-overload]
        parts.until(lambda: self.lines() or self.process.poll() is not None)
        self.port = int(self.lines()[0])

    def lines(self) -> list[str]:
        return os.pread(self.out.fileno(), 1_000_000, 0).decode().splitlines()

    @property
    def heard(self) -> list[str]:
        return self.lines()[1:]


@contextmanager
def app(address: str = "127.0.0.1", **started: object) -> Iterator[App]:
    one = App(address, **started)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        one.out.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sitekit-test-proxy-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def server(hub_environment: None, place: Path) -> Iterator[Server]:
    config = place / "jupyter_server_config.json"
    config.write_text(
        json.dumps({"ServerProxy": {"servers": {"named": {"unix_socket": str(place / "named")}}}})
    )
    with session(more=config) as (_, server):
        yield server


def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, str, list[str]]:
    """Status, body and cookies of the answer to a request with a token and a browser's cookies."""
    sent = {"Authorization": f"token {parts.USER_TOKEN}", "Cookie": COOKIE}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = b"x" if method in ("POST", "PUT") else None
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/user/u/{path}", data, sent, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), answer.headers.get_all("Set-Cookie") or []
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get_all("Set-Cookie") or []


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104
def test_an_own_program_is_reached_and_sees_nothing_of_the_hubs(
    server: Server, address: str
) -> None:
    with app(address) as own:
        for form in ("proxy/{}", "proxy/localhost:{}", "proxy/127.0.0.1:{}", "proxy/absolute/{}"):
            base = form.format(own.port)
            status, body, cookies = ask(server, f"{base}/x?token=abc&y=%20", X_XSRFToken="secret2")
            assert status == 200, body
            told = json.loads(body)
            assert told["uri"].endswith("/x?y=%20") and told["headers"]["Cookie"] == "theme=dark"
            assert not any(
                secret in body for secret in ("secret", parts.USER_TOKEN, "Authorization", "abc")
            )
            assert cookies == [f"theme=dark; Path=/user/u/{base}"]


def test_a_stream_of_events_is_cleaned_as_well(server: Server) -> None:
    with app() as own:
        status, body, cookies = ask(server, f"proxy/{own.port}/", Accept="text/event-stream")
        assert (status, body) == (200, "data: one\n\ndata: two\n\n")
        assert not any("jupyterhub" in cookie or "_xsrf" in cookie for cookie in cookies)
        assert "secret" not in own.heard[0]


def test_a_named_server_on_a_unix_socket_is_reached(server: Server, place: Path) -> None:
    with app(str(place / "named")) as own:
        status, body, cookies = ask(server, "named/x")
        assert status == 200 and json.loads(body)["headers"]["Cookie"] == "theme=dark", body
        assert cookies == ["theme=dark; Path=/user/u/named"]
        with closing(line(server, "named/echo")) as socket:
            socket.send("hello")
            assert socket.recv() == "hello"
        assert "secret" not in "".join(own.heard)
        assert ask(server, "named/x", **FOREIGN["a frame"])[0] == 403


def raise_if_closed(socket: websocket.WebSocket) -> None:
    """A close may come as a frame, or as the connection's end."""
    if not socket.recv():
        raise websocket.WebSocketConnectionClosedException


def line(server: Server, path: str, **more: object) -> websocket.WebSocket:
    sent = {"Authorization": f"token {parts.USER_TOKEN}", **more.pop("header", {})}  # type: ignore[dict-item]
    url = f"ws://127.0.0.1:{server.port}/user/u/{path}"
    return websocket.create_connection(url, header=sent, cookie=COOKIE, timeout=180, **more)


def test_a_websocket_of_an_own_page_passes_without_what_is_the_hubs(server: Server) -> None:
    with app() as own:
        with closing(line(server, f"proxy/{own.port}/echo")) as socket:
            socket.send("hello")
            assert socket.recv() == "hello"
        assert (
            "theme=dark" in own.heard[0]
            and "secret" not in own.heard[0]
            and "Authorization" not in own.heard[0]
        )
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
                line(server, f"proxy/{own.port}/echo", header=foreign)
        assert len(own.heard) == 1


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_page_of_another_site_gets_through(server: Server, kind: str) -> None:
    with app() as own:
        method = "POST" if kind == "a form" else "GET"
        status, body, _ = ask(
            server, f"proxy/{own.port}/<script>x</script>?y=<b>", method, **FOREIGN[kind]
        )
        assert status == 403 and own.heard == []
        assert "<script>x" not in body and "y=<b>" not in body
        assert ("Open it" in body) is (kind == "a link")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104
def test_a_strangers_program_gets_nothing(server: Server, address: str) -> None:
    with app(address, user="nobody") as stranger:
        for form in ("proxy/{}", "proxy/localhost:{}", "proxy/127.0.0.1:{}", "proxy/absolute/{}"):
            status, body, _ = ask(server, form.format(stranger.port) + "/")
            assert status == 403 and "another user" in body
            assert (
                ask(server, form.format(stranger.port) + "/", Accept="text/event-stream")[0] == 403
            )
            with (
                closing(line(server, form.format(stranger.port) + "/echo")) as socket,
                pytest.raises(websocket.WebSocketConnectionClosedException),
            ):
                raise_if_closed(socket)
        assert stranger.heard == []


@pytest.mark.parametrize(
    "host", ["127.0.0.2:{}", "0.0.0.0:{}", "0:{}", "[::1]:{}", "example.org:{}", "2130706433:{}"]
)
def test_no_other_host_is_connected_to(server: Server, host: str) -> None:
    with app("0.0.0.0") as own:  # noqa: S104
        for form in ("proxy/", "proxy/absolute/"):
            assert ask(server, form + host.format(own.port) + "/")[0] in (403, 404)
        assert own.heard == []


@pytest.mark.parametrize("port", ["0", "1", "65536", "99999999999999999999"])
def test_a_port_that_nobody_or_nothing_has(server: Server, port: str) -> None:
    assert ask(server, f"proxy/{port}/")[0] == 403
