"""Refuse settings of site.yml that do not work, or are not safe, with a login node or with SSH
tunnels (section `slurm.ssh`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ...base.errors import Unfit
from ..settings import SiteSettings
from ..types.address_types import is_ip

TUNNEL = ("slurm", "ssh", "tunnel")


def login_node_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each setting that does not work with a login node."""
    if (node := site.slurm.ssh) is None:
        return
    if not is_ip(node.source or site.hub.address):
        yield Unfit(
            f"hub.address is the name {site.hub.address}, and sshd compares IP addresses",
            "write the IP address from which the hub connects to the login node",
            *("slurm", "ssh", "source"),
        )
    if node.account == site.login.gateway:
        yield Unfit(
            f"'{node.account}' runs all servers, and users could act as the account of the queries",
            "name another account for the queries, such as jupyterhub-gate",
            *("slurm", "ssh", "account"),
        )
    for place, tier in enumerate(site.tiers):
        if tier.requires.group:
            yield Unfit(
                f"the hub cannot read the groups of the login node {node.host}",
                "name a Slurm account instead, with requires.account",
                *("tiers", place, "requires", "group"),
            )


def tunnel_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each setting that does not work, or is not safe, with SSH tunnels."""
    if site.tunnel is None or site.slurm.ssh is None:
        return
    if not site.internal_tls:
        yield Unfit(
            "with tunnels, any account of the hub's machine could answer in the place of a server",
            "leave internal_tls on so that hub and proxy check each server's certificate",
            "internal_tls",
        )
    if site.tunnel.host is None and _is_loopback(site.hub.address):
        yield Unfit(
            f"compute nodes do not reach the hub's machine as {site.hub.address}",
            "write the name or the address at which they reach it",
            *TUNNEL,
            "host",
        )
    others = {
        site.hub.user: "hub.user",
        site.proxy.user: "proxy.user",
        site.slurm.ssh.account: "slurm.ssh.account",
    }
    if key := others.get(site.tunnel.user):
        yield Unfit(
            f"'{site.tunnel.user}' is {key}, which has rights that tunnels must not have",
            "give tunnels an account of their own, such as jupyterhub-tunnel",
            *TUNNEL,
            "user",
        )
    yield from _ports_apart(site.tunnel.ports, site.ports)


def _ports_apart(of_servers: tuple[int, int], taken: dict[tuple[str, ...], int]) -> Iterator[Unfit]:
    """Yield an error for each service of the site whose port a user's server could get."""
    low, high = of_servers
    for key, port in taken.items():
        if low <= port <= high:
            yield Unfit(
                f"the port {port} of {'.'.join(key)} is one of these ports",
                "name a range without the ports of the site's services",
                *TUNNEL,
                "ports",
            )


def _is_loopback(address: str) -> bool:
    """Return whether an address is a loopback address, such as 127.0.0.1 or localhost."""
    return address == "localhost" or (is_ip(address) and ipaddress.ip_address(address).is_loopback)
