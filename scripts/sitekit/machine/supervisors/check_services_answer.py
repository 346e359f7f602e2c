"""Check whether a service of the site answers a request that only this service can answer.

A successful connection to the service's port is not enough, because another program may listen on
the port.
"""

from __future__ import annotations

import http.client
import json
import pwd
import socket
import sys
from pathlib import Path

from ...contracts.internal_tls import client_context
from ...site import Site
from ..host.connect_to_web_server import open_tls_connection

_LISTENS = "0A"  # net/ipv4/tcp_states.h, TCP_LISTEN


def proxy_answers(site: Site) -> bool:
    """Return whether the proxy's API accepts the token and lists its routes.

    Only root can read the token. If another user calls this function, the result is True if the API
    requires a token.
    """
    if not listens_as(
        site.proxy.api_port, site.proxy.user
    ):  # another program must not get the token
        return False
    try:
        token = proxy_token(site.etc / "proxy.env")
    except PermissionError:
        return (
            site.internal_tls
            or get(site, "127.0.0.1", site.proxy.api_port, "/api/routes", {})[0] == 403
        )
    except OSError:
        return False
    code, text = get(
        site, "127.0.0.1", site.proxy.api_port, "/api/routes", {"Authorization": f"token {token}"}
    )
    return code == 200 and text.startswith("{")


def hub_answers(site: Site) -> bool:
    """Return whether JupyterHub answers a request for its version."""
    code, text = get(site, site.hub_listens_at, site.hub.port, "/hub/api/", {})
    try:
        return code == 200 and "version" in json.loads(text)
    except (ValueError, TypeError):
        return False


def has_address(address: str) -> bool:
    """Return whether this host has the IP address `address`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def tunnel_answers(site: Site) -> bool:
    """Return whether the site's own sshd answers at its port. The result is False if a program of
    another account listens at this port."""
    if site.tunnel is None or not listens_as(site.tunnel.port, site.tunnel.user, "0.0.0.0"):  # noqa: S104
        return False
    try:
        with socket.create_connection(("127.0.0.1", site.tunnel.port), 5) as connection:
            return connection.recv(8).startswith(b"SSH-2.0-")
    except OSError:
        return False


def front_answers(site: Site) -> bool:
    """Return whether the web server answers with the headers of this site's configuration.

    `make certificate_check` checks the certificate. For this reason, the function does not check
    the web server's certificate.
    """
    try:
        with open_tls_connection("127.0.0.1", site.front.port, 5, site.front.host) as tls:
            caller = http.client.HTTPConnection(site.front.host)
            caller.sock = tls
            caller.request("GET", "/hub/health")
            return caller.getresponse().getheader("Strict-Transport-Security") is not None
    except (OSError, http.client.HTTPException):
        return False


def proxy_token(path: Path) -> str:
    """Return the token of the proxy's API from the file `path`."""
    lines = (line.partition("=") for line in path.read_text().splitlines())
    return next((value for key, _, value in lines if key == "CONFIGPROXY_AUTH_TOKEN"), "")


def listens_as(port: int, account: str, address: str = "127.0.0.1") -> bool:
    """Return whether the program that listens on this address and port runs as this account.

    The owner of the socket is taken from /proc/net/tcp (proc(5)).
    """
    place = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    owners = {int(row[7]) for row in rows if row[1] == place and row[3] == _LISTENS}
    try:
        return owners == {pwd.getpwnam(account).pw_uid}
    except KeyError:
        return False


def get(site: Site, address: str, port: int, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Send a GET request; return the HTTP status and the text of the answer. The status is 0 if
    nothing answers.

    With internal TLS, the request uses the hub's own certificate, which only root can read.
    """
    caller: http.client.HTTPConnection
    try:
        if site.internal_tls:
            caller = http.client.HTTPSConnection(
                address, port, timeout=5, context=client_context(site, "hub")
            )
        else:
            caller = http.client.HTTPConnection(address, port, timeout=5)
    except OSError:  # the certificate does not exist yet, or this account cannot read it
        return 0, ""
    try:
        caller.request("GET", path, headers=headers)
        answer = caller.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        caller.close()
