"""What listens where, and what it says to whoever comes without a token."""

from __future__ import annotations

import contextlib
import pwd
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from sitekit.contracts.internal_tls import client_context, hub_url
from sitekit.demo.cluster import paths_and_ports
from sitekit.demo.cluster.describe_host import this_host

from ..chain.test_chain import python_of
from ..conftest import Demo
from .conftest import Server, call
from .state import nothing_changes, proxy_api, routes

LISTEN = "0A"


def listeners() -> set[tuple[str, int, int]]:
    """(address, port, uid) of every TCP listener, from the kernel."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTEN:
                address, port = words[1].split(":")
                found.add((address, int(port, 16), int(words[7])))
    return found


def is_local(address: str) -> bool:
    """Whether an address is one of 127.0.0.0/8, or ::1. The kernel writes words of 32 bits
    backwards."""
    return (
        address[-2:] == "7F" if len(address) == 8 else address == "00000000000000000000000001000000"
    )


def test_the_demo_listens_on_this_machine_only(demo: Demo) -> None:
    """All of it but the users' servers. Slurm binds to the address of the machine's own name, or
    else to all."""
    found = listeners()
    for port, what in paths_and_ports.ports(demo.site).items():
        addresses = {address for address, number, _ in found if number == port}
        assert addresses, f"{what} does not listen"
        if this_host().loopback_only or not what.startswith("slurm"):
            assert all(map(is_local, addresses)), f"{what} listens on {addresses}"


def test_its_accounts_listen_on_nothing_else(demo: Demo) -> None:
    """The database, which is the account slurm's, and munge have no network port."""
    site = demo.site
    own = {
        site.hub.user: {site.hub.port},
        site.proxy.user: {site.proxy.port, site.proxy.api_port},
        "slurm": {paths_and_ports.SLURMCTLD_PORT, paths_and_ports.SLURMDBD_PORT},
        "munge": set(),
    }
    for account, ports in own.items():
        uid = pwd.getpwnam(account).pw_uid
        assert {port for _, port, owner in listeners() if owner == uid} == ports


def test_a_users_server_opens_its_one_port_and_kernels_none(demo: Demo, server: Server) -> None:
    """Other nodes reach the server, never a kernel."""
    uid = pwd.getpwnam(server.person.name).pw_uid
    kernel = server.person.kernel(python_of(server.person))
    try:
        assert kernel.run("print(1)") == "1"
        opened = {
            port for address, port, owner in listeners() if owner == uid and not is_local(address)
        }
    finally:
        server.person.server_api("DELETE", f"kernels/{kernel.id}")
        kernel.close()
    assert opened == {server.port}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["", "/", "/user/alice/", "/hub/", "/evil"])
def test_the_proxys_api_wants_its_own_secret(
    demo: Demo, tokens: dict[str, str | None], method: str, path: str
) -> None:
    with nothing_changes(demo.site):
        for token in tokens.values():
            target = {"target": "http://127.0.0.1:9"}
            answer = call(
                proxy_api(demo.site),
                method,
                path,
                token,
                json=target,
                verify=client_context(demo.site, "hub"),
            )
            assert answer.status_code in (401, 403)


def test_the_proxys_api_is_not_behind_the_front(demo: Demo) -> None:
    """Whatever a path says, a request goes to the hub or to a user's server."""
    with nothing_changes(demo.site):
        for path in (
            "/api/routes",
            "/hub/../api/routes",
            "//127.0.0.1:18001/api/routes",
            "/api/routes/evil",
        ):
            answer = call(demo.site.front.url, "POST", path, json={"target": "http://127.0.0.1:9"})
            assert answer.status_code in (302, 400, 403, 404, 405)
    assert "/evil" not in routes(demo.site)


@pytest.mark.parametrize(
    "path", ["users", "user", "proxy", "info", "services", "groups", "sitekit/status", "shutdown"]
)
def test_the_hubs_own_port_wants_a_token(demo: Demo, path: str) -> None:
    """Where compute nodes reach it, past the front."""
    ways = {hub_url(demo.site): "culler", f"https://127.0.0.1:{demo.site.proxy.port}": "front"}
    for base, shows in ways.items():
        verify = client_context(demo.site, shows)
        assert call(base, "GET", f"/hub/api/{path}", verify=verify).status_code in (403, 405)
        assert call(base, "POST", f"/hub/api/{path}", json={}, verify=verify).status_code in (
            403,
            405,
        )


def test_the_front_speaks_only_tls(demo: Demo) -> None:
    site = demo.site.front
    with contextlib.suppress(httpx.TransportError):  # no answer is as good
        assert httpx.get(f"http://{site.host}:{site.port}/hub/login", timeout=90).status_code == 400


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_the_front_speaks_no_old_tls(demo: Demo, version: ssl.TLSVersion) -> None:
    site = demo.site.front

    def shake(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = lowest, highest
        with (
            socket.create_connection((site.host, site.port), timeout=90) as plain,
            context.wrap_socket(plain) as safe,
        ):
            return safe.version()

    assert shake(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, OSError)):
        shake(version, version)
