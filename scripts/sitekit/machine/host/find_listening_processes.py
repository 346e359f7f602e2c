"""Find out which processes of this machine listen on given TCP ports."""

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
    """Describe a process of this machine. `environment` is empty if this user cannot read the
    environment variables of the process.
    """

    pid: int
    name: str
    command: str
    environment: str

    def mentions(self, *paths: Path) -> bool:
        """Return whether the command line or an environment variable of the process contains one of
        these directories or a path below it.
        """
        return any(
            f"{path}/" in text for path in paths for text in (self.command, self.environment)
        )

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def processes() -> Iterator[Process]:
    """Return all processes of this machine."""
    return (_shown(found.info) for found in psutil.process_iter(_SHOWN))


def process(pid: int) -> Process | None:
    """Return the process with the id `pid`; None if the process has ended."""
    try:
        return _shown(psutil.Process(pid).as_dict(_SHOWN))
    except psutil.NoSuchProcess:
        return None


def _shown(told: dict[str, Any]) -> Process:
    """Convert psutil's data about a process to a Process.

    psutil returns None for values that this user cannot read, and surrogate characters for bytes
    that are not valid UTF-8.
    """
    texts = [told["name"] or ""], told["cmdline"] or [], (told["environ"] or {}).values()
    shown = (" ".join(text).encode(errors="replace").decode() for text in texts)
    return Process(told["pid"], *shown)


def listeners(ports: set[int]) -> dict[int, Process | None]:
    """Return the ports among `ports` on which a program listens: port -> process.

    The process is None if the current user cannot see which process listens. If several processes
    share a socket, the oldest process is returned. Later processes, such as nginx's workers, have
    other command lines.
    """
    sockets = {inode: port for inode, port in _sockets() if port in ports}
    found: dict[int, Process | None] = dict.fromkeys(sockets.values())
    if not found:
        return found
    # psutil's net_connections is not used, because it returns the youngest process that shares a
    # socket
    for pid in sorted(psutil.pids(), key=_started):
        for inode in _open_sockets(Path(f"/proc/{pid}")) & sockets.keys():
            found[sockets[inode]] = found[sockets[inode]] or process(pid)
    return found


def _started(pid: int) -> float:
    """Return the time when a process was started, in seconds since 1970-01-01 UTC; 0 if the process
    has ended.

    After the highest process id, Linux begins again with low process ids. For this reason, a
    process with a higher id has not necessarily started later. psutil.process_iter is not used,
    because this function can return the cached start time of an ended process with the same id.
    """
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0


def _sockets() -> Iterator[tuple[str, int]]:
    """Yield the inode and port of every listening TCP socket, from /proc/net/tcp (proc(5))."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    yield fields[9], int(fields[1].rpartition(":")[2], 16)


def _open_sockets(folder: Path) -> set[str]:
    """Return the inodes of a process's sockets. A process that ends during the search is
    ignored."""
    found = set()
    with suppress(OSError):
        for entry in list((folder / "fd").iterdir()):
            with suppress(OSError):
                if (link := os.readlink(entry)).startswith("socket:["):
                    found.add(link[8:-1])
    return found
