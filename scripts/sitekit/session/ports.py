"""Connect only to ports of this node on which this user's own programs listen.

Any user of a node can listen on a free port. /proc/net/tcp and /proc/net/tcp6 show who listens: see
proc_pid_net(5). Each line has a socket's two addresses, its state, the user ID of its owner and its
inode. The inode is 0 until a program has accepted the connection.
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
    """Report why no connection to a port is made."""


@dataclass(frozen=True)
class Row:
    """Describe one TCP socket of this node."""

    local: Address
    remote: Address
    state: str
    uid: int
    inode: int


def table(tables: tuple[str, ...] = TABLES) -> list[Row]:
    """Return all TCP sockets of this node."""
    rows = []
    for file in tables:
        try:
            lines = Path(file).read_text().splitlines()[1:]
        except FileNotFoundError:  # this Linux kernel has no IPv6
            continue
        for line in lines:
            words = line.split()
            rows.append(
                Row(_address(words[1]), _address(words[2]), words[3], int(words[7]), int(words[9]))
            )
    return rows


def _address(text: str) -> Address:
    digits, port = text.split(":")
    # The address consists of 32-bit numbers in the byte order of the machine.
    numbers = (int(digits[place : place + 8], 16) for place in range(0, len(digits), 8))
    address = ipaddress.ip_address(b"".join(struct.pack("=I", number) for number in numbers))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def listening(rows: list[Row], address: str, port: int) -> set[int]:
    """Return the user IDs of the programs that may accept a connection to this address.

    `address` is an address of the loopback interface.
    """
    places = {"127.0.0.1": (("127.0.0.1", "0.0.0.0"), ("::",)), "::1": (("::1", "::"),)}[address]  # noqa: S104
    for names in places:  # a socket on :: also accepts IPv4, unless another one listens on IPv4
        if uids := {
            row.uid
            for row in rows
            if row.state == LISTEN and row.local in [(name, port) for name in names]
        }:
            return uids
    return set()


def accepted_by(rows: list[Row], ours: Address, theirs: Address) -> int | None:
    """Return the user ID of the program that accepted our connection, or None if none has yet."""
    for row in rows:
        if (row.local, row.remote, row.state) == (theirs, ours, ESTABLISHED) and row.inode:
            return row.uid
    return None


async def connected(port: int) -> socket.socket:
    """Return a connection to a port of the loopback interface on which this user listens.

    Raises NotOurs or OSError.
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
            pass  # the socket on :: accepts only IPv6, which the table does not show
        except OSError:
            line.close()
            raise
        line.close()
    why = "another user of this node listens there" if others else "nothing of yours listens there"
    raise NotOurs(f"port {port} of this node is not yours: {why}")


def is_ours(line: socket.socket, address: str, port: int) -> bool:
    """Return whether this user's program is at the other end of an open connection.

    Another program may have started to listen since `listening` was called.
    """
    rows = table()
    uid = accepted_by(rows, line.getsockname()[:2], line.getpeername()[:2])
    return (
        uid == os.getuid() if uid is not None else listening(rows, address, port) == {os.getuid()}
    )
