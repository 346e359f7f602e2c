"""Connect to a port of this node only if a program of this user listens there.

Any user of a node can listen on a free port. The files /proc/net/tcp and tcp6 show which user
listens on a port (proc_pid_net(5)). For each socket, these files contain the IP addresses and ports
of both ends, the state, the owner's uid, and the inode. The inode is 0 until a program has accepted
the connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED, LISTEN = "01", "0A"
LOOPBACK = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
SECONDS = 20

Address = tuple[str, int]


class NotOurs(Exception):
    """Report that the server refuses to connect to a port. The exception's text is the reason."""


@dataclass(frozen=True)
class Row:
    """Describe one TCP socket of this node, as /proc/net/tcp lists the socket."""

    local: Address
    remote: Address
    state: str
    uid: int
    inode: int


def table(tables: tuple[str, ...] = TABLES) -> list[Row]:
    """Return all TCP sockets of this node."""
    found = []
    for file in tables:
        try:
            lines = Path(file).read_text().splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for line in lines:
            words = line.split()
            found.append(
                Row(_address(words[1]), _address(words[2]), words[3], int(words[7]), int(words[9]))
            )
    return found


def _address(text: str) -> Address:
    """Convert an address in /proc's hexadecimal form to an IP address and a port."""
    digits, port = text.split(":")
    # groups of 32 bits, each in the byte order of the machine
    numbers = (int(digits[place : place + 8], 16) for place in range(0, len(digits), 8))
    address = ipaddress.ip_address(b"".join(struct.pack("=I", number) for number in numbers))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def listening(rows: list[Row], address: str, port: int) -> set[int]:
    """Return the uids of the users whose programs can accept a connection to this loopback address
    and port."""
    places = {"127.0.0.1": (("127.0.0.1", "0.0.0.0"), ("::",)), "::1": (("::1", "::"),)}[address]  # noqa: S104
    # a socket on :: also accepts IPv4, if no socket for IPv4 has the same port
    for names in places:
        if uids := {
            row.uid
            for row in rows
            if row.state == LISTEN and row.local in [(name, port) for name in names]
        }:
            return uids
    return set()


def accepted_by(rows: list[Row], ours: Address, theirs: Address) -> int | None:
    """Return the uid of the program that accepted this server's connection. If no program has
    accepted the connection yet, return None."""
    for row in rows:
        if (row.local, row.remote, row.state) == (theirs, ours, ESTABLISHED) and row.inode:
            return row.uid
    return None


async def connected(port: int) -> socket.socket:
    """Return a connection to this user's own program on this port of the loopback interface.

    Raises NotOurs if no program of this user listens on the port. Raises OSError if the connection
    fails.
    """
    others = False
    for address, family in LOOPBACK.items():
        uids = listening(table(), address, port)
        if uids != {os.getuid()}:
            others = others or bool(uids)
            continue
        line = socket.socket(family, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            await asyncio.wait_for(
                asyncio.get_running_loop().sock_connect(line, (address, port)), SECONDS
            )
            if is_ours(line, address, port):
                return line
            others = True
        except ConnectionRefusedError:
            pass  # A socket on :: can be limited to IPv6. The table does not show this.
        except OSError:
            line.close()
            raise
        line.close()
    why = (
        "a program of another user listens there" if others else "no program of yours listens there"
    )
    raise NotOurs(f"port {port} of this node is not yours: {why}")


def is_ours(line: socket.socket, address: str, port: int) -> bool:
    """Return whether a program of this user is at the other end of the connection.

    The owner of the port is checked again after the connection was made, because another program
    may have begun to listen on the port after the first check.
    """
    rows = table()
    uid = accepted_by(rows, line.getsockname()[:2], line.getpeername()[:2])
    if uid is not None:
        return uid == os.getuid()
    return listening(rows, address, port) == {os.getuid()}
