"""Define the section `slurm`: how the hub reaches the cluster's scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .address_types import Address
from .tier import Row
from .value_types import AbsolutePath, Account, HostKey, Port


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


class Slurm(Row):
    """Define the paths of Slurm's programs and configuration, and the host that has them.

    Without `ssh`, this is the hub's host.
    """

    bin: AbsolutePath = Path("/usr/bin")
    conf: AbsolutePath | None = None
    ssh: Ssh | None = None
