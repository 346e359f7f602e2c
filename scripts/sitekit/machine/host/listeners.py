"""Which process listens on which TCP port, and which processes are whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SHOWN = ["pid", "name", "cmdline", "environ"]
_LISTEN = "0A"  # net/ipv4/tcp_states.h, TCP_LISTEN


@dataclass(frozen=True)
class Process:
    """A process as it shows itself. `environment` is empty where we may not read it."""

    pid: int
    name: str
    command: str
    environment: str

    def mentions(self, *paths: Path) -> bool:
        """Whether something in one of these directories stands in its command line or environment."""
        return any(
            f"{path}/" in text for path in paths for text in (self.command, self.environment)
        )

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def processes() -> Iterator[Process]:
    """All processes of this machine that are there while we look."""
    return (_shown(found.info) for found in psutil.process_iter(_SHOWN))


def process(pid: int) -> Process | None:
    """One process, or None if it has gone."""
    try:
        return _shown(psutil.Process(pid).as_dict(_SHOWN))
    except psutil.NoSuchProcess:
        return None


def _shown(told: dict[str, Any]) -> Process:
    """psutil has None for what we may not read, and half characters for bytes that are no text."""
    texts = [told["name"] or ""], told["cmdline"] or [], (told["environ"] or {}).values()
    shown = (" ".join(text).encode(errors="replace").decode() for text in texts)
    return Process(told["pid"], *shown)


def listeners(ports: set[int]) -> dict[int, Process | None]:
    """Those of `ports` on which something listens, with the process, or None where it belongs to
    nobody we can see.

    Of several that share a socket it is the oldest: the others, such as nginx's workers, do not
    show what they run.
    """
    sockets = {inode: port for inode, port in _sockets() if port in ports}
    found: dict[int, Process | None] = dict.fromkeys(sockets.values())
    if not found:
        return found
    # psutil.net_connections names the youngest process that shares a socket. Numbers tell no age:
    # they begin again at the lowest when the highest has been given out.
    oldest_first = sorted(psutil.process_iter(["create_time"]), key=_age)
    for running in oldest_first:
        for inode in _open_sockets(Path(f"/proc/{running.pid}")) & sockets.keys():
            found[sockets[inode]] = found[sockets[inode]] or process(running.pid)
    return found


def _age(running: psutil.Process) -> float:
    """When the process was started, in seconds since the epoch."""
    return float(running.info["create_time"] or 0)


def _sockets() -> Iterator[tuple[str, int]]:
    """Inode and port of every listening TCP socket. Source: proc(5), /proc/net/tcp."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    yield fields[9], int(fields[1].rpartition(":")[2], 16)


def _open_sockets(folder: Path) -> set[str]:
    """Inodes of the sockets that a process holds. One that ends, or closes a file, while we look is
    passed over."""
    found = set()
    with suppress(OSError):
        for entry in list((folder / "fd").iterdir()):
            with suppress(OSError):
                if (link := os.readlink(entry)).startswith("socket:["):
                    found.add(link[8:-1])
    return found
