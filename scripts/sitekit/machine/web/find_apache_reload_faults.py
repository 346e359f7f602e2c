"""Find faults in Apache's configuration that `apachectl configtest` does not report, but with which
Apache ends at a reload.

If Apache ends at a reload, all websites of this Apache are down. To find such faults before a
reload, sitekit reads the whole configuration, as mod_info prints it. sitekit looks for private keys
that do not belong to their certificates, and for ports that other programs use.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import CommandFailed, run
from ..host.find_listening_processes import listeners
from ..host.platform import WebServer
from .certificate import key_belongs_to

_LINE = re.compile(
    r"^# In file: (?P<file>.+)$|^#\s+(?P<number>\d+):\s*$|^\s*(?P<text>[^#\s].*)$", re.MULTILINE
)


def check_whole(web: WebServer) -> None:
    """Raise Problem, with file and line, if the configuration has a fault with which Apache would
    end at a reload.

    If Apache cannot print its configuration, nothing is checked.
    """
    if web.control.whole is None:
        return
    try:
        said = run(shlex.split(web.control.whole)).stdout
    except CommandFailed:
        return
    lines = list(_lines(said))
    _keys(lines)
    _ports(web, lines)


def _lines(said: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each directive of Apache's configuration as (file and line, words). Lines that cannot
    be parsed are ignored."""
    file, number = "", ""
    for found in _LINE.finditer(said):
        file, number = found["file"] or file, found["number"] or number
        if found["text"]:
            try:
                yield f"{file}:{number}", shlex.split(found["text"])
            except ValueError:
                continue


def _keys(lines: list[tuple[str, list[str]]]) -> None:
    """Raise Problem if a private key in the configuration does not belong to its certificate."""
    certificates: list[str] = []
    keys: list[tuple[str, str]] = []
    for place, words in lines:
        name = words[0].lower()
        if name.startswith(("<virtualhost", "</virtualhost")):
            certificates, keys = [], []
        elif name == "sslcertificatefile":
            certificates.append(words[1])
        elif name == "sslcertificatekeyfile":
            keys.append((place, words[1]))
            if len(keys) <= len(certificates) and not key_belongs_to(
                Path(certificates[len(keys) - 1]), Path(words[1])
            ):
                what = f"the key does not belong to the certificate {certificates[len(keys) - 1]}"
                raise Problem(
                    what,
                    f"{place}: {words[1]}",
                    "name a key and a certificate that belong together",
                )


def _ports(web: WebServer, lines: list[tuple[str, list[str]]]) -> None:
    """Raise Problem if another program listens on a port of the configuration."""
    wanted = [
        (place, words[1])
        for place, words in lines
        if words[0].lower() == "listen" and len(words) > 1
    ]
    ports = {
        int(listen.rpartition(":")[2])
        for _, listen in wanted
        if listen.rpartition(":")[2].isdigit()
    }
    holders = listeners(ports)
    for place, listen in wanted:
        port = int(listen.rpartition(":")[2])
        holder = holders.get(port)
        if (
            port in holders
            and (holder is None or holder.name != web.program.name)
            and not _free(listen)
        ):
            who = str(holder) if holder else "another program"
            what = f"{web.service} would listen on {listen}, but {who} already listens there"
            raise Problem(
                what, place, f"stop that program, or remove the Listen directive from {web.service}"
            )


def _free(listen: str) -> bool:
    """Return whether the web server can listen on this IP address and port, because no other
    program listens there."""
    address, _, port = listen.rpartition(":")
    address = address.strip("[]")
    family = socket.AF_INET if "." in address else socket.AF_INET6
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            probe.bind((address, int(port)))
        except OSError:
            return False
        return True
