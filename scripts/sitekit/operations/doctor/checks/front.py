"""Check the web server: its configuration, its certificate, and whether the web server forwards
requests to the hub."""

from __future__ import annotations

import base64
import http.client
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ....base.errors import Problem
from ....base.finding import Finding, warning
from ....base.run_program import CommandFailed, run
from ....machine.host.connect_to_web_server import open_tls_connection
from ....machine.host.target import Target
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.supervisors.check_services_answer import front_answers
from ....machine.web import system_server
from ....machine.web.apache_links import check_installed
from ....machine.web.certificate import is_for, key_belongs_to, lasts, names
from ....machine.web.certificate_expiry import internal_certificate, public_certificate, shown
from ....machine.web.check_provided_files import check_brought
from ....machine.web.config import certificate, front_path, server
from ..check import Subject
from ..context import Context, Unanswered
from .site_file import problems

subject = Subject("front", "The web server")
SOCKET = "/hub/sitekit/socket"
_SECONDS = 5


@subject.check(
    "installed",
    "whether the machine's own web server and the modules of Apache that the site needs are installed",
    "without a module the web server refuses its configuration, for all its websites",
    "install the package that the message names",
    applies=lambda site: site.front.instance == "system",
)
def installed(here: Context) -> Iterator[Finding]:
    target = Target(here.site, MACHINE)
    yield from problems(lambda: check_installed(target, here.platform))


@subject.check(
    "brought",
    "the certificate, key and client secrets that site.yml names",
    "browsers refuse a wrong certificate, and the identity provider refuses a wrong secret",
    "put the right file there, or correct its path in site.yml",
    root=True,
)
def brought(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_brought(Target(here.site, MACHINE)))


@subject.check(
    "config",
    "the web server's whole configuration (apachectl configtest, nginx -t)",
    "with a broken configuration, the web server does not start, or ignores a reload",
    "correct the line that the message names",
    needs=("site.applied",),
    follows=("files.missing", "files.edited", "front.certificate-files", "state.logs"),
    root=True,
)
def config(here: Context) -> Iterator[Finding]:
    site = here.applied
    web = server(site, here.platform)
    if not web.program.exists():
        remedy = f"{here.platform.install} {web.package}"
        yield Finding(f"{web.program} is not installed", "front.server", remedy)
        return
    try:
        if site.front.instance == "system":
            system_server.test(web)
        elif site.front.server == "apache":
            run(
                [web.program, "-t", "-f", front_path(site, here.platform)],
                timeout=10 * here.patience,
            )
        else:
            path = front_path(site, here.platform)
            run([web.program, "-t", "-q", "-e", "stderr", "-c", path], timeout=10 * here.patience)
    except CommandFailed as failed:
        lines = failed.output.strip().splitlines() or [failed.what]
        yield Finding(lines[0], str(front_path(site, here.platform)))


@subject.check(
    "certificate-files",
    "the files of the certificate and its key",
    "the web server does not start if these files are missing or do not belong together",
    "put both files there; for a self-signed one: sudo make apply",
    needs=("site.applied",),
    follows=("files.missing",),
    root=True,
)
def certificate_files(here: Context) -> Iterator[Finding]:
    if here.applied.front.certificate == "acme" and here.applied.front.server == "apache":
        return  # mod_md manages these files
    cert, key = certificate(here.applied)
    for path in (cert, key):
        if not path.is_file():
            yield Finding("it is not there", str(path))
            return
    if not key_belongs_to(cert, key):
        yield Finding(f"the key {key} does not belong to it", str(cert))
    if not lasts(cert, 0):
        yield Finding("the certificate is out of date", str(cert))
    elif strange := [name for name in names(here.applied) if not is_for(cert, name)]:
        yield Finding(f"it is not for {', '.join(strange)}", str(cert))


@subject.check(
    "answers",
    "whether the web server answers with the headers of this site",
    "otherwise, users cannot open the site",
    "sudo make start; read the web server's log",
    needs=("services.front",),
    follows=("network.ports", "front.config"),
)
def answers(here: Context) -> Iterator[Finding]:
    if not front_answers(here.applied):
        what = f"port {here.applied.front.port} does not answer as {here.applied.front.url}"
        yield Finding(what, "front")


@subject.check(
    "certificate",
    "the certificate that the web server presents: how long it is valid, and for which names",
    "browsers refuse an expired certificate, and one for another name",
    "sudo make apply, or renew the certificate",
    needs=("services.front",),
    follows=("front.answers", "front.certificate-files"),
)
def presented(here: Context) -> Iterator[Finding]:
    try:
        public_certificate(here.applied)
    except Problem as problem:
        late = "more days" in problem.what
        made = warning if late else Finding
        yield made(problem.what, problem.where or "", problem.remedy or "")


@subject.check(
    "internal-certificate",
    "the proxy's certificate for internal TLS",
    "when this certificate has expired, hub, proxy and servers can no longer connect to each other",
    "sudo make apply",
    needs=("services.proxy",),
    follows=("services.proxy-answers",),
    applies=lambda site: site.internal_tls,
)
def internal(here: Context) -> Iterator[Finding]:
    try:
        internal_certificate(here.applied)
    except Problem as problem:
        yield warning(problem.what, problem.where or "", problem.remedy or "")


@subject.check(
    "protocol",
    "which versions of TLS the web server accepts",
    "old versions of TLS can be broken",
    "remove SSLProtocol from config/local.d/*.conf",
    needs=("services.front", "front.answers"),
)
def protocol(here: Context) -> Iterator[Finding]:
    with open_tls_connection(
        "127.0.0.1", here.applied.front.port, _SECONDS, here.applied.front.host
    ) as tls:
        if (version := tls.version()) not in ("TLSv1.2", "TLSv1.3"):
            yield warning(f"it accepts {version}", "front")


def _ask(here: Context, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request to the web server; return the HTTP status, the headers and the first bytes of
    the body."""
    site = here.applied
    with open_tls_connection("127.0.0.1", site.front.port, _SECONDS, site.front.host) as tls:
        caller = http.client.HTTPConnection(site.front.host, site.front.port)
        caller.sock = tls
        caller.request("GET", path, headers=headers)
        answer = caller.getresponse()
        upgraded = answer.status == 101
        body = b"" if upgraded else answer.read(4096)
        told = {key.lower(): value for key, value in answer.getheaders()}
        if upgraded:  # the hub sends `sitekit` in one frame: RFC 6455, 5.2
            stream = answer.fp or tls.makefile("rb")
            body = stream.read(2 + len("sitekit"))[2:]
        return answer.status, told, body


@subject.check(
    "hub-page",
    "whether the login page opens through web server, proxy and hub",
    "users see an error page",
    "sudo make status; read the logs of front, proxy and hub",
    needs=("services.front", "front.answers"),
    follows=("services.proxy", "services.proxy-answers", "services.hub", "services.hub-answers",
             "files.edited", "files.as-rendered", "state.maintenance"),
)  # fmt: skip
def hub_page(here: Context) -> Iterator[Finding]:
    if here.applied.maintenance.exists():
        return  # the check state.maintenance reports this
    try:
        code, told, _ = _ask(here, "/hub/login", Accept="text/html")
    except (OSError, http.client.HTTPException) as fault:
        yield Finding(f"no answer: {fault}", here.applied.front.url)
        return
    if code >= 400:
        yield Finding(f"the login page answers with {code}", f"{here.applied.front.url}/hub/login")
    elif code == 200 and "_xsrf=" not in told.get("set-cookie", ""):
        what = "another program than JupyterHub answers"
        yield Finding(what, f"{here.applied.front.url}/hub/login")


@subject.check(
    "websocket",
    "whether a WebSocket through web server and proxy reaches the hub",
    "without WebSockets no kernel and no terminal connects",
    "in the web server's configuration: upgrade=websocket; docs/front.md",
    needs=("services.front", "front.answers"),
    follows=("front.hub-page", "services.proxy", "services.hub", "services.hub-answers",
             "services.proxy-answers", "files.edited"),
)  # fmt: skip
def websocket(here: Context) -> Iterator[Finding]:
    if here.applied.maintenance.exists():
        return
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Origin": here.applied.front.url,
    }
    try:
        code, _, body = _ask(here, SOCKET, **head)
    except (OSError, http.client.HTTPException) as fault:
        yield Finding(f"no answer: {fault}", here.applied.front.url)
        return
    if code in (404, 405):
        raise Unanswered("the hub's release is older than this check: make install_all")
    if code != 101 or body != b"sitekit":
        yield Finding(f"a WebSocket is answered with {code}", f"{here.applied.front.url}{SOCKET}")


@subject.check(
    "headers",
    "whether the header Strict-Transport-Security has a max-age",
    "without Strict-Transport-Security, an attacker can make a browser open the site without TLS",
    "sudo make apply",
    needs=("services.front", "front.answers"),
    follows=("files.edited",),
)
def headers(here: Context) -> Iterator[Finding]:
    _, told, _ = _ask(here, "/hub/health")
    if "max-age" not in told.get("strict-transport-security", ""):
        yield warning("Strict-Transport-Security has no max-age", "front")


@subject.check(
    "presented-by-us",
    "whether the certificate that the web server presents is the certificate in its file",
    "the web server was not reloaded since the certificate was renewed",
    "sudo make apply, or reload the web server",
    needs=("services.front", "front.answers", "front.certificate-files"),
    root=True,
)
def same_certificate(here: Context) -> Iterator[Finding]:
    if here.applied.front.certificate == "acme":
        return
    cert, _ = certificate(here.applied)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(shown(here.applied.front.port, here.applied.front.host))
        file.flush()
        if _print(Path(file.name)) != _print(cert):
            yield warning("the web server presents another certificate than this file", str(cert))


def _print(path: Path) -> str:
    """Return the SHA-256 fingerprint of a certificate."""
    return run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]).stdout
