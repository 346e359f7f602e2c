"""Define the section `slurm` of site.yml: where Slurm's programs are, and how the hub runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..types.address_types import Address
from ..types.value_types import AbsolutePath, Account, HostKey, Port, PortRange, ServiceAccount
from .tier import Row


class Tunnel(Row):
    """Declare the keys of `tunnel`: SSH tunnels for a hub and compute nodes that cannot connect to
    each other directly.

    Each job connects to the site's own sshd, which listens at `port` of the hub's machine. `host`
    is the address at which compute nodes reach the hub's machine, by default `hub.address`. On the
    hub's machine, each server gets one of the ports `ports` of 127.0.0.1. `user` is the account
    under which sshd runs.
    """

    host: Annotated[Address | None, Field(examples=["hub.example.org"])] = None
    port: Port = 8022
    ports: PortRange = (10000, 19999)
    user: ServiceAccount = "jupyterhub-tunnel"


class Ssh(Row):
    """Declare the keys of `ssh`: the login node on which the hub runs the gate by SSH.

    `account` is the account on the login node under which the gate runs the hub's queries. `prefix`
    is the path, on the compute nodes, of the folder with the servers' environment and the kernels.
    `source` is the IP address from which the hub connects to the login node, by default
    `hub.address`.
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
    """Declare the keys of the section `slurm`: the paths of Slurm's programs and configuration, and
    the host on which the programs run.

    Without the key `ssh`, Slurm's programs run on the hub's host.
    """

    bin: AbsolutePath = Path("/usr/bin")
    conf: AbsolutePath | None = None
    ssh: Ssh | None = None
