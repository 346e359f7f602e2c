"""Whether a service of the site answers. Each is asked for what it alone can say: a bare connect
would also reach another program that has taken its port.
"""

from __future__ import annotations

import http.client
import json
import pwd
import socket
import sys
from pathlib import Path

from ...contracts.internal_tls import calling
from ...site import Site
from ..host.tls_client import spoken

_LISTENS = "0A"  # net/ipv4/tcp_states.h, TCP_LISTEN


def proxy_answers(site: Site) -> bool:
    """Whether its API takes the token of proxy.env and tells its routes. Without root, which alone
    may read the token, it is enough that it asks for one."""
    if not _owned(site.proxy.api_port, site.proxy.user):  # nobody else is to be sent the token
        return False
    try:
        token = _token(site.etc / "proxy.env")
    except PermissionError:
        return (
            site.internal_tls
            or _get(site, "127.0.0.1", site.proxy.api_port, "/api/routes", {})[0] == 403
        )
    except OSError:
        return False
    code, text = _get(
        site, "127.0.0.1", site.proxy.api_port, "/api/routes", {"Authorization": f"token {token}"}
    )
    return code == 200 and text.startswith("{")


def hub_answers(site: Site) -> bool:
    """Whether JupyterHub's API tells its version."""
    code, text = _get(site, site.hub.address, site.hub.port, "/hub/api/", {})
    try:
        return code == 200 and "version" in json.loads(text)
    except (ValueError, TypeError):
        return False


def front_answers(site: Site) -> bool:
    """Whether what answers there in TLS has the headers that this site's configuration gives to
    each of its answers. Whose certificate it shows is the doctor's question, not this one."""
    try:
        with spoken("127.0.0.1", site.front.port, 5, site.front.host) as tls:
            caller = http.client.HTTPConnection(site.front.host)
            caller.sock = tls
            caller.request("GET", "/hub/health")
            return caller.getresponse().getheader("Strict-Transport-Security") is not None
    except (OSError, http.client.HTTPException):
        return False


def _token(path: Path) -> str:
    lines = (line.partition("=") for line in path.read_text().splitlines())
    return next((value for key, _, value in lines if key == "CONFIGPROXY_AUTH_TOKEN"), "")


def _owned(port: int, account: str) -> bool:
    """Whether what listens on this port of 127.0.0.1 belongs to this account. Source: proc(5),
    /proc/net/tcp."""
    place = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    owners = {int(row[7]) for row in rows if row[1] == place and row[3] == _LISTENS}
    try:
        return owners == {pwd.getpwnam(account).pw_uid}
    except KeyError:
        return False


def _get(
    site: Site, address: str, port: int, path: str, headers: dict[str, str]
) -> tuple[int, str]:
    """The status and the text of an answer; 0 where there is none. With internal TLS root asks with
    the hub's own certificate."""
    caller: http.client.HTTPConnection
    try:
        if site.internal_tls:
            caller = http.client.HTTPSConnection(
                address, port, timeout=5, context=calling(site, "hub")
            )
        else:
            caller = http.client.HTTPConnection(address, port, timeout=5)
    except OSError:  # it is yet to be made, or not to be read
        return 0, ""
    try:
        caller.request("GET", path, headers=headers)
        answer = caller.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        caller.close()
