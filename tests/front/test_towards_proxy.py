"""Who stands at the proxy's port, and what the web server tells: everything to the proxy, nothing
to anybody else."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from sitekit.contracts.internal_tls import authority, certificate_and_key
from sitekit.site import Site

from .conftest import a_site, running
from .echo import Echo
from .test_front import ask, context

KINDS = ("apache", "nginx")


@pytest.fixture(scope="module", params=KINDS)
def web(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Path]]:
    site, folder = a_site(request.param, internal_tls=True), tmp_path_factory.mktemp(request.param)
    with running(site, folder):
        yield site, folder


@contextmanager
def at_the_port(site: Site, tls: ssl.SSLContext | None) -> Iterator[list[str]]:
    """Echo, by TLS or in the clear; yields the paths that it was told."""
    told: list[str] = []

    class Squatter(Echo):
        def parse_request(self) -> bool:
            told.append(str(self.raw_requestline))
            return super().parse_request()

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", site.proxy.port), Squatter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


def shows(folder: Path, file: Path, trusts: Path | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / file.relative_to("/"))
    if trusts:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(folder / trusts.relative_to("/"))
    return made


def test_the_proxy_is_told_all_and_knows_the_front(web: tuple[Site, Path]) -> None:
    site, folder = web
    asks = shows(folder, certificate_and_key(site, "proxy"), authority(site, "services"))
    with at_the_port(site, asks) as told:
        seen = json.loads(ask(site, "/user/alice/a%2Fb?x=1").read())
        assert (seen["path"], seen["headers"]["x-forwarded-proto"]) == (
            "/user/alice/a%2Fb?x=1",
            "https",
        )
        plain = socket.create_connection(("localhost", site.front.port), 90)
        with plain, context().wrap_socket(plain) as upgraded:
            head = "GET /user/alice/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            upgraded.sendall(head.encode())
            assert b"101" in upgraded.recv(1000)
            upgraded.sendall(b"abc")
            assert upgraded.recv(100) == b"cba"
    assert len(told) == 2


@pytest.mark.parametrize("certificate", ["none", "of nobody's", "the culler's"])
def test_nobody_else_is_told_anything(web: tuple[Site, Path], certificate: str) -> None:
    """`the culler's` is signed by the authority for servers, as are those that users have."""
    site, folder = web
    files = {
        "of nobody's": (site.etc / "tls/cert.pem", site.etc / "tls/key.pem"),
        "the culler's": (certificate_and_key(site, "culler"),),
    }
    tls = None
    if certificate in files:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*(folder / file.relative_to("/") for file in files[certificate]))
    with at_the_port(site, tls) as told, suppress(OSError):
        answer = ask(site, "/hub/login?secret")
        assert (
            answer.status in (500, 502, 503)
            and "JupyterHub does not answer" in answer.read().decode()
        )
    assert not [line for line in told if "hub/login" in line]
