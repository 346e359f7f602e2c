"""Compare the tiers with the cluster's partitions. Slurm is queried through the login node."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

from ...backends.job import NoAnswer
from ...backends.slurm import ssh_files as ssh
from ...backends.slurm.transport import ask_slurm
from ...contracts.tunnel import host
from ...site import Site
from .cluster import NODES, fits, read
from .finding import Finding, unknown


def look(site: Site) -> Iterator[Finding]:
    """Yield findings about what tiers need and the cluster lacks.

    Before the first apply, the login node does not know the hub's key, and Slurm cannot be queried.
    """
    if not ssh.key(site).exists():
        yield unknown(
            "Slurm was not queried: the login node does not know this hub yet. After make apply, run "
            "make gate_bundle, install the file on the login node, and run make diff again"
        )
        return
    if not os.access(ssh.key(site), os.R_OK):
        yield unknown("Slurm was not queried: only root can read the hub's key for the login node")
        return
    try:
        answer = asyncio.run(ask_slurm(site, "sinfo", *NODES))
    except NoAnswer as error:
        yield Finding(
            str(error), "slurm.ssh", "install the file of make gate_bundle there", refuses=False
        )
        return
    if site.tunnel:
        sshd = f"the sshd for tunnels at {host(site)}, port {site.tunnel.port}"
        yield unknown(
            f"this host cannot tell whether compute nodes reach {sshd}",
            f"when the services run, try on a compute node: nc -z {host(site)} {site.tunnel.port}",
        )
    there = read(answer.out)
    for place, tier in enumerate(site.tiers):
        for name in tier.partitions:
            yield from fits(there, tier, name, f"tiers[{place}]")
