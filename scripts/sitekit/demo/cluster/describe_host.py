"""Find out this machine's host name, IP address, memory and usable cgroups for slurm.conf."""

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
    """Describe this machine for Slurm's configuration.

    `address` is the loopback address at which Slurm's programs connect to the daemons.
    `loopback_only` is true if the daemons listen on no other address. This is possible if the host
    name resolves to `address`. slurm.conf has no option for the address on which daemons listen.
    `node_memory` is the memory of each virtual node in MiB. If `cgroup` is None, Slurm cannot
    enforce memory caps on this machine.
    """

    name: str
    address: str
    loopback_only: bool
    node_memory: int
    cgroup: Cgroup


def this_host() -> Host:
    """Return a description of this machine.

    The function creates test directories in the cgroup tree, and removes them immediately. Nothing
    else on this machine is changed.
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
    """Return the memory of each of the three virtual nodes in MiB.

    `machine` is the machine's memory in bytes. Each node gets a third of the machine's memory, but
    at least 2048 MiB and at most 8192 MiB. Every tier of the demo fits into 2048 MiB.
    """
    return min(8192, max(2048, machine // 2**20 // 3 // 256 * 256))


def writable_cgroup(tree: Path = Path("/sys/fs/cgroup")) -> Cgroup:
    """Return the cgroup version that Slurm can use on this machine. If Slurm cannot use cgroups
    here, return None.

    The function creates test cgroups to find this out, and removes the test cgroups again. With
    version 1, Slurm needs the controllers memory, freezer and cpuacct. With version 2, Slurm needs
    the memory controller at the top of the tree. A tree that also contains version 1 counts as
    version 1.
    """
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
    # A directory can also be created in a tmpfs, but only a cgroup contains this file.
    return (parent / "cgroup.procs").exists()
