"""The front, run for real: Apache with the rendered configuration before a backend that shows what reaches it."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from machine_sites import demo, family

from sitekit.machine.front import certificate, front, front_path
from sitekit.machine.generated import self_signed
from sitekit.site import Site

SYSTEM_MODULES = (
    "mpm_event",
    "authz_core",
    "alias",
    "headers",
    "proxy",
    "proxy_http",
    "reqtimeout",
    "socache_shmcb",
    "ssl",
)
APACHE = shutil.which("apache2", path="/usr/sbin")
pytestmark = pytest.mark.skipif(APACHE is None, reason="apache2 is not installed (package apache2-bin)")


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got, and shows off a banner."""

    server_version = "Backend/9.9"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            self.wfile.write(self.connection.recv(100)[::-1])
            self.close_connection = True
            return
        body = json.dumps(
            {"path": self.path, "headers": {key.lower(): value for key, value in self.headers.items()}}
        ).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(site: Site, folder: Path) -> Path:
    """The rendered file with its folders below `folder`, and what it needs there."""
    (text,) = (file.content for file in front(site, family()).values())
    for path in (site.etc, site.run, site.log):
        text = text.replace(str(path), str(folder / path.relative_to("/")))
    for path, content in zip(certificate(site), self_signed(site), strict=True):
        (folder / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to("/")).write_text(content)
    for path in (site.etc, site.log, site.run / "apache"):
        (folder / path.relative_to("/")).mkdir(parents=True, exist_ok=True)
    if site.front.instance == "system":
        loads = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in SYSTEM_MODULES)
        text = f"ServerRoot {folder}\nServerName x\nListen 443\nErrorLog {folder}/log\n{loads}{text}"
    (folder / "apache.conf").write_text(text)
    return folder / "apache.conf"


@pytest.mark.parametrize("url", ["https://localhost:8443", "https://jupyter.example.org"])
@pytest.mark.parametrize("instance", ["own", "system"])
def test_apache_takes_its_configuration(instance: str, url: str, tmp_path: Path):
    conf = configuration(demo(front={"url": url, "instance": instance}), tmp_path)
    if instance == "own":
        # The parent opens its ports even for a test of the syntax: take those that nobody has.
        conf.write_text(conf.read_text().replace("Listen 80\n", "").replace("Listen 443\n", f"Listen {free_port()}\n"))
    done = subprocess.run([APACHE, "-t", "-f", conf], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.strip() == "Syntax OK", done.stderr


def test_http_is_sent_to_https_only_where_the_port_is_the_usual_one():
    def text(url: str, instance: str) -> str:
        site = demo(front={"url": url, "instance": instance})
        return front(site, family())[front_path(site, family())].content

    for instance in ("own", "system"):
        assert "Redirect permanent / https://a.example.org/" in text("https://a.example.org", instance)
        assert "Redirect permanent" not in text("https://a.example.org:8443", instance)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose own Apache runs, with Echo where the proxy would be. `site.front.port` answers."""
    site = demo(front={"url": f"https://localhost:{free_port()}"}, proxy={"port": free_port()})
    folder = tmp_path_factory.mktemp("apache")
    backend = ThreadingHTTPServer(("127.0.0.1", site.proxy.port), Echo)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    with (folder / "said").open("w") as said:
        apache = subprocess.Popen(
            [APACHE, "-f", configuration(site, folder), "-D", "FOREGROUND"], stdout=said, stderr=said
        )
    try:
        for _ in range(200):
            if not socket.socket().connect_ex(("127.0.0.1", site.front.port)):
                break
            assert apache.poll() is None, (folder / "said").read_text()
            time.sleep(0.05)
        yield site
    finally:
        apache.terminate()
        apache.wait(20)
        backend.shutdown()
        backend.server_close()
    access = (folder / "var/log/sitekit/demo/apache-access.log").read_text()
    assert "GET /hub/login HTTP/1.1" in access and "s3cret" not in access, "a query may hold a token"


def ask(
    site: Site, path: str, headers: dict[str, str] | None = None, **tls: ssl.TLSVersion
) -> http.client.HTTPResponse:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name, version in tls.items():
        setattr(context, name, version)
    caller = http.client.HTTPSConnection("localhost", site.front.port, context=context, timeout=20)
    caller.request("GET", path, headers=headers or {})
    return caller.getresponse()


def test_what_a_client_claims_about_itself_is_dropped(site: Site):
    forged = {
        name: "forged"
        for name in (
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "X-Scheme",
            "X-Remote-User",
            "Forwarded",
        )
    }
    answer = ask(site, "/hub/login?token=s3cret", forged)
    seen = json.load(answer)["headers"]
    assert "forged" not in str(seen)
    assert seen["x-forwarded-proto"] == "https" and seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["host"] == f"localhost:{site.front.port}"


def test_no_banner_and_the_headers_of_a_careful_server(site: Site):
    headers = ask(site, "/hub/login").headers
    assert headers["Server"] == "Apache" and "X-JupyterHub-Version" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_paths_arrive_as_they_were_written(site: Site):
    path = "/user/alice/files/a%2Fb%20c%C3%A4.txt?x=%2F"
    assert json.load(ask(site, path))["path"] == path


def test_a_websocket_passes_through(site: Site):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("localhost", site.front.port), 20) as plain, context.wrap_socket(plain) as caller:
        caller.sendall(
            b"GET /user/alice/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert caller.recv(1000).startswith(b"HTTP/1.1 101")
        caller.sendall(b"hello")
        assert caller.recv(100) == b"olleh"


def test_tls_1_2_and_1_3_only(site: Site):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert ask(site, "/", minimum_version=version, maximum_version=version).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError, ValueError)), pytest.warns(DeprecationWarning):
        ask(site, "/", minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_a_site_on_localhost_is_not_on_the_network():
    assert "Listen 127.0.0.1:8443" in front(demo(), family())[Path("/etc/sitekit/demo/apache.conf")].content


def test_when_the_proxy_is_away_people_are_told_and_its_return_is_noticed_at_once(tmp_path: Path):
    site = demo(front={"url": f"https://localhost:{free_port()}"}, proxy={"port": free_port()})
    apache = subprocess.Popen(
        [APACHE, "-f", configuration(site, tmp_path), "-D", "FOREGROUND"], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            if not socket.socket().connect_ex(("127.0.0.1", site.front.port)):
                break
            time.sleep(0.05)
        answer = ask(site, "/hub/login")
        assert answer.status == 503 and b"running servers are not affected" in answer.read()
        backend = ThreadingHTTPServer(("127.0.0.1", site.proxy.port), Echo)
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        assert ask(site, "/hub/login").status == 200
        backend.shutdown()
        backend.server_close()
    finally:
        apache.terminate()
        apache.wait(20)
