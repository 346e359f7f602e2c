"""What the demo has to know about the machine that it runs on: name, address, memory, and the
cgroups it may write."""

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
    """One machine. `node_memory` is what each virtual node offers, in MiB; with `cgroup` None no
    cap can be enforced.

    `address` is where the daemons meet. `loopback_only` says that Slurm can be kept on it: it binds
    to what the host's own name resolves to, and to nothing else that could be configured.
    """

    name: str
    address: str
    loopback_only: bool
    node_memory: int
    cgroup: Cgroup


def this_host() -> Host:
    """Look at this machine. Changes nothing, but for a probe directory in the cgroup tree that is
    gone at once."""
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
    """MiB for each of three nodes: a third of the machine's bytes, at least 2048, at most 8192.

    Every tier fits into the least.
    """
    return min(8192, max(2048, machine // 2**20 // 3 // 256 * 256))


def writable_cgroup(tree: Path = Path("/sys/fs/cgroup")) -> Cgroup:
    """Which form of cgroup Slurm can work with here, found by trying: v1 with three controllers,
    pure v2, or none."""
    if (tree / "cgroup.controllers").exists():
        enough = "memory" in (tree / "cgroup.controllers").read_text().split()
        return "v2" if enough and _can_make_group(tree) else None
    return (
        "v1"
        if all(_can_make_group(tree / name) for name in ("memory", "freezer", "cpuacct"))
        else None
    )


def _can_make_group(parent: Path) -> bool:
    probe = parent / f"sitekit-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    # A plain directory on a tmpfs would also do as it is told; only a cgroup has this file.
    return (parent / "cgroup.procs").exists()
