"""Hub, proxy and users' servers answer each other and nobody else; a certificate is good for one
start of a server."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from sitekit.contracts.internal_tls import (
    authority,
    authority_key,
    certificate_and_key,
    client_context,
    hub_url,
    name_of,
)
from sitekit.site import Site

from ..chain.test_chain import python_of
from ..conftest import Demo, logged_in
from ..faults.machine import Machine
from ..person import Kernel, Person
from ..slurm import ask, jobs, until
from .certificates import certificate_of, context, of_nobody, sent_to, session_process
from .conftest import Server, call
from .hublog import end_of_log, logged
from .state import ANY, ledger_row, nothing_changes, proxy_api, proxy_secret, routes

SO_RCVBUFFORCE = 33
"""Of <asm-generic/socket.h>: root may have a larger buffer than net.core.rmem_max allows."""
REQUEST = b"GET /hub/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def other(demo: Demo, idle: Person) -> Iterator[Server]:
    """bob's running server: what he has, he may use against others."""
    assert idle.start("small")[-1].get("ready")
    job = jobs(demo.site, "bob")[0].split()[0]
    yield Server(idle, job, ledger_row(demo.site, job)["port"], "", {})
    idle.stop_and_wait()


def heard(port: int, tls: ssl.SSLContext | None) -> bytes:
    """What the port says to a request, if it lets the caller get so far."""
    with suppress(OSError), ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 90))
        if tls:
            connection = stack.enter_context(tls.wrap_socket(connection))
        connection.sendall(REQUEST)
        return connection.recv(100)
    return b""


def callers(site: Site, server: Server, other: Server) -> dict[str, ssl.SSLContext | None]:
    """Everybody who may try, by what they can show."""
    return {
        "plain": None,
        "nothing": ANY,
        "a certificate of nobody's": context(of_nobody(site)),
        "its own": certificate_of(server),
        "another server's": certificate_of(other),
        "the culler's": context(certificate_and_key(site, "culler").read_bytes()),
        "the proxy's": context(certificate_and_key(site, "proxy").read_bytes()),
        "the hub's": context(certificate_and_key(site, "hub").read_bytes()),
        "the front's": context(certificate_and_key(site, "front").read_bytes()),
    }


def test_who_is_answered_at_which_port(demo: Demo, server: Server, other: Server) -> None:
    """alice's server and both ports of the proxy know the site's services, the hub knows
    certificates of this site. Nobody else gets one byte of HTTP."""
    site = demo.site
    services = {"the proxy's", "the hub's", "the front's"}
    ports = {port: services for port in (server.port, site.proxy.api_port, site.proxy.port)}
    ports[site.hub.port] = services | {"its own", "another server's", "the culler's"}
    start = end_of_log(site)
    with nothing_changes(site):
        for port, known in ports.items():
            answered = {
                who for who, shown in callers(site, server, other).items() if heard(port, shown)
            }
            assert answered == known, port
    assert b"Traceback" not in logged(site, start)


def test_a_server_is_asked_by_nobody_at_all_without_tls(demo: Demo, server: Server) -> None:
    """Not even an error in HTTP, which would tell what listens there."""
    with closing(socket.create_connection(("127.0.0.1", server.port), 90)) as plain:
        said = b""
        with suppress(OSError):  # it may have hung up by then
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.shutdown(socket.SHUT_WR)
            while piece := plain.recv(1000):
                said += piece
    assert b"HTTP" not in said


# --- squatters ----------------------------------------------------------------------------------------------


class Squatter:
    """Listens where a server was, with whatever certificate, and writes down each byte that it is
    told."""

    def __init__(self, tls: ssl.SSLContext | None, port: int = 0) -> None:
        self.tls, self.told, self.calls = tls, b"", 0
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                self.calls += 1
                # in the clear the caller waits for an answer to its handshake, which never comes
                plain.settimeout(60 if self.tls else 5)
                with (
                    suppress(OSError),
                    plain,
                    self.tls.wrap_socket(plain, server_side=True) if self.tls else plain as one,
                ):
                    while piece := one.recv(4096):
                        self.told += piece
                        if b"\r\n\r\n" in self.told:
                            one.sendall(
                                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                            )
                            break


@contextmanager
def route(site: Site, target: str) -> Iterator[str]:
    """A route to a server of alice's that is not there any more, as the hub would leave it; its
    path."""
    path, known = "/user/alice/gone", {"verify": client_context(site, "hub"), "timeout": 90}
    headers = {"Authorization": f"token {proxy_secret(site)}"}
    data = {
        "target": target,
        "user": "alice",
        "server_name": "gone",
        "jupyterhub": True,
        "address": "127.0.0.1",
    }
    httpx.post(proxy_api(site) + path, headers=headers, json=data, **known).raise_for_status()
    try:
        yield path
    finally:
        httpx.delete(proxy_api(site) + path, headers=headers, **known)


SECRET = "the-secret-of-alice"


def ask_through(site: Site, path: str) -> httpx.Response:
    headers = {
        "Authorization": f"token {SECRET}",
        "Cookie": f"own={SECRET}",
        "Host": site.front.host,
    }
    return httpx.get(f"{site.front.url}{path}/api", headers=headers, verify=ANY, timeout=90)


@pytest.mark.parametrize(
    "shows", ["nothing, in the clear", "a certificate of nobody's", "another server's"]
)
def test_who_squats_a_servers_port_gets_no_byte(
    demo: Demo, server: Server, other: Server, shows: str
) -> None:
    """Its server is gone, its route still there. bob listens; his own server has a valid
    certificate of this site."""
    site = demo.site
    pems = {"a certificate of nobody's": of_nobody(site), "another server's": sent_to(other.job)}
    tls = context(pems[shows], server=True) if shows in pems else None
    squatter = Squatter(tls)
    with (
        closing(squatter.listener),
        route(site, f"https://{name_of('0123456789abcdef')}:{squatter.port}") as path,
    ):
        assert ask_through(site, path).status_code == 503
    assert squatter.calls > 0, "the proxy did not even try"
    assert SECRET.encode() not in squatter.told and b"HTTP" not in squatter.told


def test_the_name_is_all_that_keeps_bob_from_it(demo: Demo, server: Server, other: Server) -> None:
    """The test above can fail: where the route holds the name of bob's own certificate, he is told
    everything."""
    site, squatter = demo.site, Squatter(context(sent_to(other.job), server=True))
    own = name_of(ledger_row(site, other.job)["tag"])
    with closing(squatter.listener), route(site, f"https://{own}:{squatter.port}") as path:
        assert ask_through(site, path).text == "hello"
    assert SECRET.encode() in squatter.told


def test_the_host_that_a_request_names_is_not_the_name_that_is_checked(
    demo: Demo, server: Server, other: Server
) -> None:
    """Node.js takes it from there by itself; bob could write his own into a link or a page."""
    site, squatter = demo.site, Squatter(context(sent_to(other.job), server=True))
    own = name_of(ledger_row(site, other.job)["tag"])
    headers = {"Authorization": f"token {SECRET}", "Host": own}
    with (
        closing(squatter.listener),
        route(site, f"https://{name_of('0123456789abcdef')}:{squatter.port}") as path,
    ):
        base = f"https://127.0.0.1:{site.proxy.port}"
        answer = httpx.get(
            f"{base}{path}/api", headers=headers, timeout=90, verify=client_context(site, "front")
        )
        assert answer.status_code == 503
    assert squatter.calls > 0 and SECRET.encode() not in squatter.told


@pytest.mark.parametrize(
    "shows", ["nothing, in the clear", "a certificate of nobody's", "a server's"]
)
def test_who_squats_the_proxys_port_learns_no_password(
    demo: Demo, other: Server, shows: str
) -> None:
    """The proxy is away for a moment, and anybody on this host may take its port; the web server is
    sent a login."""
    site = demo.site
    pems = {"a certificate of nobody's": of_nobody(site), "a server's": sent_to(other.job)}
    before = set(routes(site, by_the_hub=False))
    with Machine(site).stopped("proxy"):
        squatter = Squatter(
            context(pems[shows], server=True) if shows in pems else None, site.proxy.port
        )
        with closing(squatter.listener):
            form = {"username": "alice", "password": SECRET}
            answer = httpx.post(f"{site.front.url}/hub/login", data=form, verify=ANY, timeout=90)
            # else its thread keeps the port until the next call
            squatter.listener.shutdown(socket.SHUT_RDWR)
            assert (
                answer.status_code in (500, 502, 503)
                and "JupyterHub does not answer" in answer.text
            )
    until(lambda: before <= set(routes(site)))  # the hub gives them back
    assert squatter.calls > 0, "the web server did not even try"
    assert SECRET.encode() not in squatter.told and b"HTTP" not in squatter.told


# --- a certificate that was copied --------------------------------------------------------------------------


def test_a_servers_certificate_gives_no_right_at_the_hub(
    demo: Demo, server: Server, other: Server
) -> None:
    """It opens the connection, no more: without a token nothing, and never a page, nor an address
    of one's choice."""
    verify = certificate_of(other)
    with nothing_changes(demo.site):
        for path in (
            "user",
            "users",
            "users/alice",
            "users/alice/server",
            "proxy",
            "sitekit/status",
        ):
            assert call(
                hub_url(demo.site), "GET", f"/hub/api/{path}", verify=verify
            ).status_code in (403, 405)
        for path in ("/hub/login", "/hub/home", "/hub/admin"):
            assert (
                "This port has no pages"
                in call(hub_url(demo.site), "GET", path, verify=verify).text
            )


def test_a_servers_certificate_ends_with_the_server(demo: Demo, server: Server) -> None:
    with logged_in(demo, "carol") as carol:
        assert carol.start("small")[-1].get("ready")
        verify = context(sent_to(jobs(demo.site, "carol")[0].split()[0]))
        assert call(hub_url(demo.site), "GET", "/hub/api/", verify=verify).status_code == 200
        carol.stop_and_wait()
        until(lambda: not jobs(demo.site, "carol"), 120)
        # the hub records the end when Slurm has told it
        until(
            lambda: call(hub_url(demo.site), "GET", "/hub/api/", verify=verify).status_code == 403
        )
        answer = call(hub_url(demo.site), "GET", "/hub/api/", verify=verify)
        assert answer.status_code == 403 and "has ended" in answer.text


def test_a_certificate_lasts_as_long_as_its_job_may(demo: Demo, server: Server) -> None:
    tier = demo.site.tier("small")
    text = sent_to(server.job).partition(b"-----END PRIVATE KEY-----\n")[2]
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-dates", "-ext", "subjectAltName,extendedKeyUsage"],
        input=text, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    dates = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    begin, end = (ssl.cert_time_to_seconds(dates[key]) for key in ("notBefore", "notAfter"))
    row = ledger_row(demo.site, server.job)
    assert begin < row["listening"] - 3000, "a node whose clock is behind must take it"
    assert tier.time < end - row["listening"] < tier.time + tier.start_timeout + 7200
    assert name_of(row["tag"]) in shown and shown.count("DNS:") == 1
    assert shown.count("TLS Web") == 2


# --- who can read the keys ----------------------------------------------------------------------------------


def test_slurm_tells_nothing_of_a_servers_key(demo: Demo, server: Server) -> None:
    key = sent_to(server.job).splitlines()[1].decode()
    site, job = demo.site, server.job
    told = [
        ask(site, "scontrol", "write", "batch_script", job, "-"),
        ask(site, "scontrol", "show", "job", "-dd", job),
        ask(site, "squeue", f"--job={job}", "--format=%all"),
        ask(site, "sacct", f"--jobs={job}", "--format=ALL", "--parsable2"),
        ask(site, "sacct", f"--jobs={job}", "--env-vars"),
        subprocess.run(
            ["ps", "-eo", "args", "ww"], capture_output=True, text=True, check=True
        ).stdout,
    ]
    assert not [text for text in told if key in text or "JUPYTERHUB_SITEKIT_TLS" in text]


def test_a_servers_key_is_in_no_file_that_has_a_name(demo: Demo, server: Server) -> None:
    """Nor in a log. What has no name is gone with the process, however that ends."""
    key = sent_to(server.job).splitlines()[1]
    home = Path(pwd.getpwnam("alice").pw_dir)
    places = [demo.site.log, home, *Path("/tmp").glob(f"jupyter-{server.job}-*")]
    # os.walk leaves out folders that are removed meanwhile
    found = (
        Path(top, name) for place in places for top, _, names in os.walk(place) for name in names
    )
    files = [path for path in found if path.is_file() and not path.is_symlink()]
    assert len(files) > 5
    for path in files:
        with suppress(FileNotFoundError):  # a server's own files come and go
            assert key not in path.read_bytes(), path
    opened = [os.readlink(path) for path in (session_process(server.job) / "fd").iterdir()]
    assert [path for path in opened if path.startswith("/tmp/") and path.endswith(" (deleted)")]


def test_kernels_are_told_of_no_key(demo: Demo, server: Server) -> None:
    assert not [name for name in server.environment if "SSL" in name or "TLS" in name]


def test_each_service_reads_its_own_key_alone(demo: Demo) -> None:
    """The proxy cannot sign for servers, the hub not for itself or the proxy; users read no key."""
    site = demo.site
    keys = {
        authority_key(site, "services"): set(),
        authority_key(site, "servers"): {site.hub.user},
        certificate_and_key(site, "hub"): {site.hub.user},
        certificate_and_key(site, "culler"): {site.hub.user},
        certificate_and_key(site, "proxy"): {site.proxy.user},
        certificate_and_key(site, "front"): set(),
        authority(site, "servers"): {site.hub.user, site.proxy.user, "alice"},
    }
    for path, readers in keys.items():
        may = {user for user in (site.hub.user, site.proxy.user, "alice") if reads(user, path)}
        assert may == readers, path


def reads(user: str, path: Path) -> bool:
    argv = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={pwd.getpwnam(user).pw_gid}",
        "--init-groups",
        "cat",
        path,
    ]
    return subprocess.run(argv, capture_output=True).returncode == 0


# --- on the wire --------------------------------------------------------------------------------------------


@contextmanager
def captured(*ports: int) -> Iterator[dict[int, bytearray]]:
    """All that goes over the loopback interface from or to these ports, as the kernel shows it to
    root."""
    found = {port: bytearray() for port in ports}
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    # a thread that gets no processor time must lose no packet
    tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 2**20)
    tap.bind(("lo", 0x0800))
    tap.settimeout(1)
    over = threading.Event()

    def note(packet: bytes) -> None:
        tcp = packet[(packet[0] & 15) * 4 :]
        ends = {int.from_bytes(tcp[:2], "big"), int.from_bytes(tcp[2:4], "big")}
        for port in ends & found.keys():
            found[port] += tcp[(tcp[12] >> 4) * 4 :]

    def listen() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                note(tap.recv(65536))
        # the packets that were sent before the end, and are still in the buffer
        tap.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                note(tap.recv(65536))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        tap.close()


def test_a_session_shows_no_plain_text_on_the_wire(demo: Demo, server: Server) -> None:
    """Lab, kernel and cell, the callbacks, the hub's word to the proxy, and what the front hands
    on. A request to the front in the clear, which that refuses, is seen, so that the capture is
    known to work."""
    site, person = demo.site, server.person
    with captured(
        server.port, site.hub.port, site.proxy.api_port, site.proxy.port, site.front.port
    ) as wire:
        assert person.lab().status_code == 200
        kernel = person.kernel(python_of(person))
        assert kernel.run("print('plain' + '-' + 'text')") == "plain-text"
        kernel.close()
        person.server_api("DELETE", f"kernels/{kernel.id}")
        assert person.api("GET", "/user").status_code == 200
        routes(site)
        httpx.get(f"http://{site.front.host}:{site.front.port}/plain-text", timeout=90)
    words = [
        b"plain-text",
        b"HTTP/1.1",
        b"jupyterhub-",
        b"ookie:",
        server.token.encode(),
        proxy_secret(site).encode(),
    ]
    for port, seen in wire.items():
        assert len(seen) > 500, port
        found = {word for word in words if word in seen}
        assert (b"plain-text" in found) if port == site.front.port else not found, port


# --- the end ------------------------------------------------------------------------------------------------


def test_only_the_server_itself_says_that_it_ends(
    demo: Demo, server: Server, tokens: dict[str, str | None]
) -> None:
    with nothing_changes(demo.site):
        for who, token in tokens.items():
            if who != "server":
                answer = call(demo.site.front.url, "POST", "/hub/api/sitekit/ending", token)
                assert answer.status_code == 403, who
    assert server.person.lab().status_code == 200


def test_the_route_goes_when_the_end_begins(demo: Demo, other: Server) -> None:
    """The job is still there, and so is its port, when the proxy has nothing any more that leads to
    it."""
    site = demo.site
    with logged_in(demo, "carol") as carol:
        assert carol.start("small")[-1].get("ready")
        job = jobs(site, "carol")[0].split()[0]
        stubborn = carol.kernel(python_of(carol))
        busy(stubborn)
        server_process = session_process(job)
        with asking_for_routes(site) as known:
            assert "/user/carol" in known()
            ask(site, "scancel", "--signal=TERM", "--batch", job)
            until(lambda: "/user/carol" not in known(), 120, 0.02)
            # it would end its kernel after some seconds, and itself
            os.kill(int(server_process.name), signal.SIGSTOP)
        assert jobs(site, "carol"), "the job had ended before: this shows nothing"
        look = iter(range(12))  # the hub compares its routes with the proxy's every two seconds
        until(lambda: "/user/carol" in routes(site) or next(look, None) is None)
        assert "/user/carol" not in routes(site), "the hub gave it back"
        ask(site, "scancel", "--signal=KILL", "--full", job)
        until(lambda: carol.server() is None, 120)


@contextmanager
def asking_for_routes(site: Site) -> Iterator[Callable[[], dict[str, Any]]]:
    """Ask for the proxy's routes over one connection, which is quick also on a busy machine."""
    given: dict[str, Any] = {"verify": client_context(site, "hub"), "timeout": 90}
    given["headers"] = {"Authorization": f"token {proxy_secret(site)}"}
    # the proxy closes a connection that is idle for 5 seconds
    with httpx.Client(**given, limits=httpx.Limits(keepalive_expiry=2)) as client:
        yield lambda: client.get(proxy_api(site)).json()


def busy(kernel: Kernel) -> None:
    """A kernel that its server waits for: it hears of no signal."""
    assert (
        kernel.run("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1)") == "1"
    )
    kernel.begin(
        "import time\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
    )
    kernel.close()
