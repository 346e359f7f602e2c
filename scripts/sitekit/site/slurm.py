"""Define the section `slurm`: how the hub reaches the cluster's scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .address_types import Address
from .tier import Row
from .value_types import AbsolutePath, Account, HostKey, Port, PortRange, ServiceAccount


class Tunnel(Row):
    """Define the tunnels by which a hub and servers reach each other that otherwise could not.

    Each job connects to the site's own sshd, at `port` of the hub's machine, which compute nodes
    reach as `host`, by default `hub.address`. Each server gets one of the `ports` of 127.0.0.1 on
    the hub's machine. `user` is the account of sshd.
    """

    host: Annotated[Address | None, Field(examples=["hub.example.org"])] = None
    port: Port = 8022
    ports: PortRange = (10000, 19999)
    user: ServiceAccount = "jupyterhub-tunnel"


class Ssh(Row):
    """Define the login node on which the hub runs the gate by SSH.

    `account` is the account of the login node that runs the queries of the hub. `prefix` is the
    folder of the servers' environment and kernels, at the path that the compute nodes see. `source`
    is the address from which the login node sees the hub connect, by default `hub.address`.
    """

    host: Annotated[Address, Field(examples=["login.cluster.example.org"])]
    port: Port = 22
    account: Annotated[Account, Field(examples=["jupyterhub-gate"])]
    host_keys: Annotated[
        tuple[HostKey, ...],
        Field(min_length=1, examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI..."]]),
    ]
    prefix: Annotated[AbsolutePath, Field(examples=["/shared/jupyter"])]
    source: Annotated[Address | None, Field(examples=["192.0.2.10"])] = None
    tunnel: Tunnel | None = None


class Slurm(Row):
    """Define the paths of Slurm's programs and configuration, and the host that has them.

    Without the key `ssh`, Slurm's programs run on the hub's host.
    """

    bin: AbsolutePath = Path("/usr/bin")
    conf: AbsolutePath | None = None
    ssh: Ssh | None = None
