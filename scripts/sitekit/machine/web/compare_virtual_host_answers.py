"""Check that the other websites (virtual hosts) of the machine's own web server give the same
answers after a change as before.

sitekit sends a request to each other virtual host before and after the web server loads the site's
configuration.
"""

from __future__ import annotations

import re
import shlex
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import CommandFailed, run
from ..host.connect_to_web_server import open_tls_connection
from ..host.platform import WebServer

ANSWER_TIMEOUT = 5.0  # seconds for one answer
AGREE_SECONDS = 20
_MOST = 200  # the most virtual hosts that are checked; if the machine has more, the others are not checked
_HEAD = 8192
_NOBODYS = "nobody.invalid"

# Matches three kinds of lines of `apache2ctl -t -D DUMP_VHOSTS`: an address with several hosts, one
# of these hosts, and an address with only one host.
_APACHE = re.compile(
    r"^(?P<address>\S+):(?P<port>\d+)\s+is a NameVirtualHost"
    r"|^\s+port \d+ namevhost (?P<name>\S+) \((?P<file>.+):\d+\)"
    r"|^(?P<only>\S+):(?P<its>\d+)\s+(?P<alone>\S+) \((?P<where>.+):\d+\)",
    re.MULTILINE,
)
_NGINX_FILE = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
_NGINX_WORD = re.compile(r"""#[^\n]*|[{};]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s{};]+""")


@dataclass(frozen=True, order=True)
class Host:
    """The name of a virtual host, with an address and port at which this machine can reach
    it."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.name} (port {self.port})"


def hosts(web: WebServer, but: Path) -> list[Host]:
    """Return all virtual hosts of the web server, except the hosts in the file `but`. Raises
    CommandFailed.

    For each port, the result also contains a host name that no virtual host has.
    """
    said = run(shlex.split(web.control.hosts)).stdout
    listed = _nginx(said) if web.service == "nginx" else _apache(said)
    found = {host for host, file in listed if file.name != but.name}
    ports = {(host.address, host.port) for host in found} | {("127.0.0.1", 80)}
    return sorted(found | {Host(_NOBODYS, *place) for place in ports})[:_MOST]


def answers(asked: list[Host]) -> dict[Host, str]:
    """Send a request to each host; return the answers: host -> protocol, status and redirect. The
    answer is "" if a host does not answer."""
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(asked, pool.map(_answer, asked), strict=True))


def check_same(web: WebServer, before: dict[Host, str]) -> None:
    """Send the requests again. Raise Problem if a virtual host that answered in `before` still
    gives a different answer, or no answer, after AGREE_SECONDS."""
    end = time.monotonic() + AGREE_SECONDS
    asked = [host for host, said in before.items() if said]
    while differ := {host: said for host, said in answers(asked).items() if said != before[host]}:
        if time.monotonic() > end:
            host, said = min(differ.items())
            what = f"{host}, another host of {web.service}, answered {before[host]!r} before, and answers {said!r} now"
            raise Problem(
                what,
                web.service,
                f"compare the two configurations, and read the end of {web.log}",
            )
        time.sleep(0.5)


def _apache(said: str) -> Iterator[tuple[Host, Path]]:
    """Yield the virtual hosts in the output of `apache2ctl -t -D DUMP_VHOSTS`, each with its
    configuration file."""
    address, port = "", 0
    for found in _APACHE.finditer(said):
        if found["address"]:
            address, port = found["address"], int(found["port"])
        elif found["name"]:
            yield Host(found["name"], _reached(address), port), Path(found["file"])
        else:
            yield (
                Host(found["alone"], _reached(found["only"]), int(found["its"])),
                Path(found["where"]),
            )


def _nginx(said: str) -> Iterator[tuple[Host, Path]]:
    """Yield the virtual hosts in the output of `nginx -T`, each with its configuration file."""
    pieces = _NGINX_FILE.split(said)
    for file, text in zip(pieces[1::2], pieces[2::2], strict=True):
        for listens, names in _servers(text):
            for listen in listens:
                address, _, port = listen.rpartition(":")
                if not port.isdigit():
                    address, port = ("", listen) if listen.isdigit() else (listen, "80")
                if not port.isdigit() or listen.startswith("unix:"):
                    continue
                for name in names:
                    yield Host(name, _reached(address or "*"), int(port)), Path(file)


def _servers(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """For each `server` block in an nginx configuration, yield two lists: its IP addresses and
    ports, and its names without wildcards."""
    depth, inside = 0, 0
    words: list[str] = []
    listens: list[str] = []
    names: list[str] = []
    for word in _NGINX_WORD.findall(text):
        if word.startswith("#"):
            continue
        if word == "{":
            depth += 1
            if words == ["server"]:
                inside, listens, names = depth, [], []
            words = []
        elif word == "}":
            if depth == inside:
                yield (
                    listens or ["80"],
                    [name for name in names if re.fullmatch(r"[\w.-]+", name)] or [_NOBODYS],
                )
                inside = 0
            depth -= 1
            words = []
        elif word == ";":
            if depth == inside and words[:1] == ["listen"]:
                listens.append(words[1])
            elif depth == inside and words[:1] == ["server_name"]:
                names += words[1:]
            words = []
        else:
            words.append(word)


def _reached(address: str) -> str:
    """Return the address at which this machine can reach a host that listens on `address`: for `*`,
    a loopback address."""
    bare = address.strip("[]")
    here = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "_default_": "127.0.0.1", "::": "::1"}  # noqa: S104
    return here.get(bare, bare)


def _answer(host: Host) -> str:
    """Send a request to a virtual host with TLS, and if this fails, without TLS; return the answer
    as text."""
    request = f"HEAD / HTTP/1.1\r\nHost: {host.name}\r\nUser-Agent: sitekit\r\nConnection: close\r\n\r\n".encode()
    try:
        with open_tls_connection(host.address, host.port, ANSWER_TIMEOUT, host.name) as tls:
            return _said("https", tls, request)
    except ssl.SSLError as refused:
        encrypted = refused.reason not in (
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "RECORD_LAYER_FAILURE",
        )
        if encrypted:
            return f"https {refused.reason}"
    except OSError:
        pass
    try:
        with closing(socket.create_connection((host.address, host.port), ANSWER_TIMEOUT)) as plain:
            return _said("http", plain, request)
    except OSError:
        return ""


def _said(scheme: str, connection: socket.socket, request: bytes) -> str:
    """Return protocol, status and redirect of an HTTP response as text. The query part of the
    redirect is removed, because it may contain values that change with each request, such as a
    nonce."""
    connection.settimeout(ANSWER_TIMEOUT)
    connection.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD and (more := connection.recv(4096)):
        head += more
    lines = head.decode(errors="replace").split("\r\n")
    status = [*lines[0].split(), "", ""][1]
    leads = [
        line.split(":", 1)[1].strip().split("?")[0]
        for line in lines[1:]
        if line.lower().startswith("location:")
    ]
    return " ".join([scheme, status, *leads]).strip()


def shown(before: dict[Host, str]) -> str:
    """Return a short text with the names of the hosts that answered."""
    names = sorted({host.name for host, said in before.items() if said and host.name != _NOBODYS})
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def quiet(web: WebServer, but: Path) -> dict[Host, str]:
    """Return the present answers of the web server's other virtual hosts; {} if the hosts cannot be
    determined.

    If the hosts cannot be determined, the function raises no error, because the later test of the
    web server's configuration reports the reason.
    """
    try:
        return answers(hosts(web, but))
    except CommandFailed:
        return {}
