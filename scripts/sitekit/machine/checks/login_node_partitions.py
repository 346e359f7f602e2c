"""For a cluster behind a login node: compare the tiers with the cluster's partitions, and the
release on the cluster with the hub's release.

Slurm and the gate are queried through SSH on the login node.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

from ...backends.slurm import ssh_files as ssh
from ...backends.slurm.compare_hub_and_cluster_release import ask_release
from ...backends.slurm.jupyterhub_and_sitekit_versions import misfit, versions_of
from ...backends.slurm.transport import ask_slurm
from ...backends.start_and_job_records import NoAnswer, Refused
from ...base.finding import Finding, unseen, warning
from ...contracts.gate_config import servers_prefix
from ...contracts.tunnel_paths import host
from ...site import Site
from .tiers_fit_cluster import NODES, check_tier_fits, read


def check_login_node(site: Site) -> Iterator[Finding]:
    """Yield a finding for everything that a tier needs and that the cluster does not have.

    Slurm cannot be queried before the first apply, because the login node does not have the hub's
    SSH key yet.
    """
    if not ssh.key(site).exists():
        yield unseen(
            "Slurm was not queried: the login node does not know this hub yet. After make apply, run "
            "make gate_bundle, install the file on the login node, and run make diff again"
        )
        return
    if not os.access(ssh.key(site), os.R_OK):
        yield unseen("Slurm was not queried: only root can read the hub's key for the login node")
        return
    try:
        answer = asyncio.run(ask_slurm(site, "sinfo", *NODES))
    except NoAnswer as error:
        yield warning(
            str(error),
            "slurm.ssh",
            "install the file of make gate_bundle there",
        )
        return
    if site.tunnel:
        sshd = f"the sshd for tunnels at {host(site)}, port {site.tunnel.port}"
        yield unseen(
            f"this host cannot tell whether compute nodes reach {sshd}",
            f"when the services run, try on a compute node: nc -z {host(site)} {site.tunnel.port}",
        )
    yield from _release(site)
    there = read(answer.out)
    for place, tier in enumerate(site.tiers):
        for name in tier.partitions:
            yield from check_tier_fits(there, tier, name, f"tiers[{place}]")


def _release(site: Site) -> Iterator[Finding]:
    """Yield a finding if the release on the cluster, which runs users' servers, is not compatible
    with the hub's release."""
    prefix = servers_prefix(site)
    where, build = "slurm.ssh.prefix", f"build it in {prefix}, on the cluster (docs/ssh.md)"
    try:
        theirs = asyncio.run(ask_release(site))
    except Refused as refusal:
        if "no verb" in str(refusal):
            what = "the gate on the login node is of an older sitekit, and cannot name the release"
            yield unseen(what, "install a new file of make gate_bundle there")
        else:
            yield warning(f"on the cluster, {refusal}", where, build)
        return
    except NoAnswer as error:
        yield unseen(str(error))
        return
    try:
        ours = versions_of(site.current)
    except (OSError, ValueError):
        return  # no finding here: another check reports that the hub has no release
    if why := misfit(ours, theirs):
        what = f"no server can start: {why}"
        remedy = "build both from the same checkout, with environment.yml of the same versions"
        yield warning(what, where, remedy)
