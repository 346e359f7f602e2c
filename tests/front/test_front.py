"""The same properties of both web servers: what reaches the backend, what browsers are told, what
is logged."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.machine.web.config import front, front_path
from sitekit.site import Site

from ..ports import free_port
from ..slurm import until
from .conftest import a_site, backend, configuration, demo, family, program, running

KINDS = ("apache", "nginx")
CERTIFICATE = {"certificate": "/etc/ssl/own.pem", "key": "/etc/ssl/own.key"}
SECRET = "s3cret"


@dataclass(frozen=True)
class Running:
    """A site whose own web server answers at `site.front.port`, with its files below `folder`."""

    site: Site
    folder: Path

    @property
    def logs(self) -> dict[str, str]:
        folder = self.folder / self.site.log.relative_to("/")
        return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture(scope="module", params=KINDS)
def web(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    site, folder = a_site(request.param), tmp_path_factory.mktemp(request.param)
    with backend(site), running(site, folder):
        yield Running(site, folder)


def context(**settings: object) -> ssl.SSLContext:
    """TLS that takes any certificate."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def ask(
    site: Site, path: str, headers: dict[str, str] | None = None, **more: object
) -> http.client.HTTPResponse:
    caller = http.client.HTTPSConnection(
        "localhost", site.front.port, context=context(**more), timeout=90
    )
    caller.request("GET", path, headers=headers or {})
    return caller.getresponse()


FORMS = {
    "own port": {"url": "https://localhost:8443"},
    "self-signed": {"url": "https://jupyter.example.org"},
    "files, subdomains": {
        "url": "https://jupyter.example.org",
        "certificate": CERTIFICATE,
        "subdomains": True,
    },
    "acme": {
        "url": "https://jupyter.example.org",
        "certificate": "acme",
        "acme": {"contact": "a@example.org"},
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("instance", ["own", "system"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_server_takes_its_configuration(kind: str, instance: str, form: str, tmp_path: Path):
    site = demo(front={"instance": instance, "server": kind, **FORMS[form]})
    conf = configuration(site, tmp_path)
    # Both open their ports even for a test of the syntax: take those that nobody has.
    listens = re.compile(r"^( *listen (?:127\.0\.0\.1:)?)\d+", re.MULTILINE | re.IGNORECASE)
    text = listens.sub(lambda found: f"{found[1]}{free_port()}", conf.read_text())
    conf.write_text(text.replace("/etc/ssl/own", f"{tmp_path}/etc/ssl/own"))
    done = subprocess.run(program(site, conf, "-t"), capture_output=True, text=True)
    said = [
        line for line in done.stderr.splitlines() if "stapling" not in line and "OCSP" not in line
    ]
    assert done.returncode == 0 and not re.search("warn|error", "".join(said)), done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_http_is_sent_to_https_only_where_the_port_is_the_usual_one(kind: str):
    def text(url: str, instance: str) -> str:
        site = demo(front={"url": url, "instance": instance, "server": kind})
        return front(site, family())[front_path(site, family())].content

    sent = r"(Redirect permanent /|return 301) https://a\.example\.org"
    for instance in ("own", "system"):
        assert re.search(sent, text("https://a.example.org", instance))
        assert not re.search(
            r"Redirect permanent|return 301", text("https://a.example.org:8443", instance)
        )


CLAIMS = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Scheme", "Forwarded", "Proxy",
          "X-Remote-User", "Remote-User", "REMOTE_USER", "X-Remote-Group", "X-Forwarded-User",
          "X-Auth-Request-User")  # fmt: skip


def test_what_a_client_claims_about_itself_is_dropped(web: Running):
    answer = ask(
        web.site,
        f"/hub/login?token={SECRET}",
        dict.fromkeys(CLAIMS, "forged") | {"Referer": f"/?t={SECRET}"},
    )
    seen = json.load(answer)["headers"]
    assert "forged" not in str(seen)
    assert seen["x-forwarded-proto"] == "https" and seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["host"] == f"localhost:{web.site.front.port}"


@pytest.mark.parametrize(
    "name", ["OIDC_access_token", "OIDC_CLAIM_sub", "Shib-Session-ID", "Shib_A", "X-Remote-Uid"]
)
def test_claims_of_a_login_module_never_arrive(web: Running, name: str):
    """Apache refuses them, nginx drops those with '_'; behind nginx no login module's word is worth
    anything."""
    answer = ask(web.site, "/hub/login", {name: "forged"})
    if web.site.front.server == "apache":
        assert answer.status == 400
    elif "_" in name:
        assert "forged" not in answer.read().decode()


def test_no_banner_and_the_headers_of_a_careful_server(web: Running):
    for path in ("/hub/login", "/user/alice/lab"):
        headers = ask(web.site, path).headers
        assert headers["Server"] == web.site.front.server.replace("apache", "Apache")
        assert "X-JupyterHub-Version" not in headers
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
        assert headers.get_all("Referrer-Policy") == ["strict-origin-when-cross-origin"]
        assert len(headers.get_all("Strict-Transport-Security")) == 1
        (policy,) = headers.get_all("Content-Security-Policy")
        assert ("default-src 'self'" in policy) == path.startswith("/hub/"), (
            "a user's server speaks for itself"
        )
        assert "frame-ancestors 'none'" in policy, "JupyterHub's own word against frames is kept"


def test_paths_arrive_as_they_were_written(web: Running):
    path = "/user/alice/files/a%2Fb%20c%C3%A4%41%7e.txt?x=%2F"
    assert json.load(ask(web.site, path))["path"] == path


def test_a_websocket_passes_through(web: Running):
    with (
        socket.create_connection(("localhost", web.site.front.port), 90) as plain,
        context().wrap_socket(plain) as ws,
    ):
        ws.sendall(
            b"GET /user/alice/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert ws.recv(1000).startswith(b"HTTP/1.1 101")
        ws.sendall(b"hello")
        assert ws.recv(100) == b"olleh"


def test_the_hub_is_sent_small_things_and_servers_large_ones(web: Running):
    def post(path: str, size: int) -> http.client.HTTPResponse:
        caller = http.client.HTTPSConnection(
            "localhost", web.site.front.port, context=context(), timeout=90
        )
        caller.request("POST", path, b"x" * size)
        return caller.getresponse()

    assert post("/hub/login", 70_000).status == 413
    assert json.load(post("/hub/login", 60_000))["body"] == 60_000
    assert json.load(post("/user/alice/api/contents/x", 3_000_000))["body"] == 3_000_000


def test_a_request_line_and_a_header_have_limits(web: Running):
    assert ask(web.site, "/" + "a" * 9000).status == 414
    assert ask(web.site, "/", {"X-Long": "a" * 9000}).status in (400, 431)
    assert ask(web.site, "/hub/login", {"Cookie": "a=" + "b" * 6000}).status == 200


def test_who_sends_a_header_slowly_is_sent_away(web: Running):
    """The limit itself is looked up; waiting for it takes 20 s and shows the same."""
    text = configuration(web.site, web.folder).read_text()
    assert re.search(r"RequestReadTimeout header=20-40|client_header_timeout 20s", text)


def test_methods_that_show_a_request_are_refused(web: Running):
    caller = http.client.HTTPSConnection(
        "localhost", web.site.front.port, context=context(), timeout=90
    )
    caller.request("TRACE", "/hub/login", headers={"Cookie": "a=b"})
    answer = caller.getresponse()
    assert answer.status == 405 and b"a=b" not in answer.read()


def test_tls_1_2_and_1_3_only(web: Running):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert ask(web.site, "/", minimum_version=version, maximum_version=version).status == 200
    with (
        pytest.raises((ssl.SSLError, ConnectionError, ValueError)),
        pytest.warns(DeprecationWarning),
    ):
        ask(
            web.site,
            "/",
            minimum_version=ssl.TLSVersion.TLSv1_1,
            maximum_version=ssl.TLSVersion.TLSv1_1,
        )


def test_maintenance_closes_the_site_while_its_file_is_there(web: Running):
    switch = web.folder / web.site.maintenance.relative_to("/")
    switch.touch()
    try:
        answer = ask(web.site, "/user/alice/lab")
        assert answer.status == 503 and b"maintenance" in answer.read()
        assert answer.headers["Content-Type"].startswith("text/html")
    finally:
        switch.unlink()
    assert ask(web.site, "/user/alice/lab").status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_allowed_networks_get_in_during_maintenance(kind: str, tmp_path: Path):
    site = a_site(kind, maintenance_allow=["192.0.2.0/24", "127.0.0.1/32"])
    with backend(site), running(site, tmp_path):
        (tmp_path / site.maintenance.relative_to("/")).touch()
        assert ask(site, "/hub/login").status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_when_the_proxy_is_away_people_are_told_and_its_return_is_noticed_at_once(
    kind: str, tmp_path: Path
):
    site = a_site(kind)
    with running(site, tmp_path):
        answer = ask(site, f"/hub/login?token={SECRET}", {"Referer": f"https://x/?token={SECRET}"})
        assert answer.status == 503 and b"running servers are not affected" in answer.read()
        with backend(site):
            assert ask(site, "/hub/login").status == 200
        assert SECRET not in str(Running(site, tmp_path).logs)


def test_no_log_holds_a_query(web: Running):
    ask(web.site, f"/hub/login?token={SECRET}", {"Referer": f"https://localhost/?token={SECRET}"})
    until(lambda: "GET /hub/login HTTP/1.1" in str(web.logs), every=0.05)
    assert SECRET not in str(web.logs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_site_on_localhost_is_not_on_the_network(kind: str):
    site = demo(front={"server": kind})
    text = front(site, family())[front_path(site, family())].content
    assert re.findall(r"(?im)^ *listen (\S+)", text) == ["127.0.0.1:8443"]


@pytest.mark.parametrize("kind", KINDS)
def test_raw_directives_of_the_site_come_before_the_hub(kind: str, tmp_path: Path):
    site = a_site(kind)
    extra = tmp_path / (site.etc / "local.d" / f"{kind}.conf").relative_to("/")
    extra.parent.mkdir(parents=True)
    gone = {
        "apache": "ProxyPass /gone !\nRedirect 410 /gone\n",
        "nginx": "location /gone { return 410; }\n",
    }
    extra.write_text(gone[kind])
    with backend(site), running(site, tmp_path):
        assert ask(site, "/gone").status == 410
