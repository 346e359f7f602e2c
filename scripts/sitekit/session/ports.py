"""Connections to ports of this node on which this user listens, and to no others.

Any user of a node may listen on a port that is free. Who does is in /proc/net/tcp and tcp6
(proc_pid_net(5)): for each socket its two addresses, its state, its owner's uid, and its inode,
which is 0 until a program has accepted it.
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
    """Why a port is not connected to."""


@dataclass(frozen=True)
class Row:
    """One socket of this node."""

    local: Address
    remote: Address
    state: str
    uid: int
    inode: int


def table(tables: tuple[str, ...] = TABLES) -> list[Row]:
    """All TCP sockets of this node."""
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


def _address(told: str) -> Address:
    digits, port = told.split(":")
    # words of 32 bits, each as a number of the machine
    numbers = (int(digits[place : place + 8], 16) for place in range(0, len(digits), 8))
    address = ipaddress.ip_address(b"".join(struct.pack("=I", number) for number in numbers))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def listening(rows: list[Row], address: str, port: int) -> set[int]:
    """The uids of those who may accept a connection to this address of the loopback interface."""
    places = {"127.0.0.1": (("127.0.0.1", "0.0.0.0"), ("::",)), "::1": (("::1", "::"),)}[address]  # noqa: S104
    for names in places:  # a socket on :: takes IPv4 as well, unless there is one for IPv4
        if uids := {
            row.uid
            for row in rows
            if row.state == LISTEN and row.local in [(name, port) for name in names]
        }:
            return uids
    return set()


def accepted_by(rows: list[Row], ours: Address, theirs: Address) -> int | None:
    """The uid of whoever has accepted our connection; None while it waits to be accepted."""
    for row in rows:
        if (row.local, row.remote, row.state) == (theirs, ours, ESTABLISHED) and row.inode:
            return row.uid
    return None


async def connected(port: int) -> socket.socket:
    """A connection to this user's own listener on this port of the loopback interface. Raises
    NotOurs or OSError."""
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
            pass  # a socket on :: for IPv6 alone, which the table does not tell
        except OSError:
            line.close()
            raise
        line.close()
    why = "another user of this node listens there" if others else "nothing of yours listens there"
    raise NotOurs(f"port {port} of this node is not yours: {why}")


def is_ours(line: socket.socket, address: str, port: int) -> bool:
    """Asked again once the connection stands: the listener may have become another one in between."""
    rows = table()
    uid = accepted_by(rows, line.getsockname()[:2], line.getpeername()[:2])
    return (
        uid == os.getuid() if uid is not None else listening(rows, address, port) == {os.getuid()}
    )
