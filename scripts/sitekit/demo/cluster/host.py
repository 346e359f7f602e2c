"""Find out what the demo needs to know of the machine: name, address, memory, cgroups."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

Cgroup = Literal["v1", "v2"] | None


@dataclass(frozen=True)
class Host:
    """One machine.

    - `address`: the address at which the daemons reach each other.
    - `loopback_only`: Slurm can be restricted to loopback. It listens on the address of the host's
      name, and cannot be configured otherwise.
    - `node_memory`: the memory of each virtual node in MiB.
    - `cgroup`: None if no memory cap can be enforced.
    """

    name: str
    address: str
    loopback_only: bool
    node_memory: int
    cgroup: Cgroup


def this_host() -> Host:
    """Return the properties of this machine.

    Only a directory in the cgroup tree is created, and removed at once.
    """
    name = socket.gethostname().split(".")[0]
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        address = ""
    local = address.startswith("127.")
    return Host(
        name=name,
        address=address if local else "127.0.0.1",
        loopback_only=local,
        node_memory=node_memory(psutil.virtual_memory().total),
        cgroup=writable_cgroup(),
    )


def node_memory(machine: int) -> int:
    """Return the MiB of each of three nodes: a third of the machine, at least 2048, at most 8192.

    Every tier of the demo fits into 2048 MiB.
    """
    return min(8192, max(2048, machine // 2**20 // 3 // 256 * 256))


def writable_cgroup(tree: Path = Path("/sys/fs/cgroup")) -> Cgroup:
    """Return which version of cgroup Slurm can use here: v1, v2 or None. It is tried."""
    if (tree / "cgroup.controllers").exists():
        enough = "memory" in (tree / "cgroup.controllers").read_text().split()
        return "v2" if enough and _can_make_group(tree) else None
    return (
        "v1"
        if all(_can_make_group(tree / name) for name in ("memory", "freezer", "cpuacct"))
        else None
    )


def _can_make_group(parent: Path) -> bool:
    """Return whether a cgroup can be created."""
    probe = parent / f"sitekit-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    # A directory can also be created on a tmpfs, but only a cgroup has this file.
    return (parent / "cgroup.procs").exists()
