"""Check that this host has the IP address of the hub (`hub.address`), that the site's ports are
free, and that compute nodes can connect to the hub."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...base.finding import Finding, unseen, warning
from ...site import Site
from ..host.find_listening_processes import listeners
from ..host.platform import Platform
from ..web.config import server

_SERVICES = {
    ("hub", "port"): "hub",
    ("front", "url"): "front",
    ("slurm", "ssh", "tunnel", "port"): "tunnel",
}
LOCAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def service_of(key: tuple[str, ...]) -> str:
    """Return which service listens at the port that site.yml sets with this key. A key that is not
    in the table _SERVICES is a key of the proxy.
    """
    return _SERVICES.get(key, "proxy")


def check_addresses_and_ports(
    site: Site, applied: Site, states: Mapping[str, str], platform: Platform
) -> Iterator[Finding]:
    """Yield findings about the hub's IP address and the site's ports.

    `states` has the states of the services of the last applied site. A port that one of the site's
    own services uses counts as free.
    """
    # With Docker, the hub listens at the address of a network bridge, which a service of the site
    # creates. Therefore this address is not checked.
    fault = None if "docker" in site.backends else listen_error(site.hub_listens_at, 0)
    if fault is not None:
        what = f"this host has no address {site.hub_listens_at} ({fault})"
        yield Finding(
            what,
            "hub.address",
            "write an address that `ip address` lists and that compute nodes can reach",
        )
    yield from _ports(site, applied, states, platform)
    if site.tunnel:
        yield from _servers_ports(site.tunnel.ports, LOCAL_PORTS.read_text())


def _servers_ports(ports: tuple[int, int], local: str) -> Iterator[Finding]:
    """Yield a finding if the ports for servers overlap with the ports that Linux uses for outgoing
    connections.

    `local` is the text of the file /proc/sys/net/ipv4/ip_local_port_range. If the ports
    overlap, sshd sometimes cannot listen on a server's port.
    """
    low, high = (int(number) for number in local.split())
    if ports[0] <= high and low <= ports[1]:
        yield warning(
            f"this host uses the ports from {low} to {high} for connections of any program",
            "slurm.ssh.tunnel.ports",
            "name a range outside of them, or change net.ipv4.ip_local_port_range (ip(7))",
        )


def _ports(
    site: Site, applied: Site, states: Mapping[str, str], platform: Platform
) -> Iterator[Finding]:
    """Yield a finding for each port of the site that another program uses."""
    wanted = dict(site.ports)
    if site.front.instance == "system":
        wanted["front", "url"] = site.front.port
    holders = listeners(set(wanted.values()))
    for key, port in wanted.items():
        running = states.get(applied.service(service_of(key)), "stopped") != "stopped"
        if port not in holders or (running and applied.ports.get(key) == port):
            continue
        holder = holders[port]
        if key == ("front", "url") and site.front.instance == "system":
            # Only root can see which process owns the web server's sockets. For other users, the
            # owner is assumed to be the web server.
            if holder is None or holder.name == server(site, platform).program.name:
                continue
        elif holder is not None and holder.mentions(site.etc, site.run):
            continue
        address = site.hub_listens_at if key == ("hub", "port") else ""
        if address and listen_error(address, port) is None:
            continue
        who = str(holder) if holder else "another program"
        yield Finding(
            f"{who} listens on port {port} already",
            ".".join(key),
            "write a free port, or stop that program",
        )


def listen_error(address: str, port: int) -> str | None:
    """Return the reason why a program cannot listen on this address and port; None if a program can
    listen there."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as trouble:
        return None if trouble.errno == errno.EACCES else trouble.strerror or str(trouble)
    return None


def check_nodes_reach_hub(site: Site, nodes: set[str]) -> Iterator[Finding]:
    """Yield a finding if the compute nodes `nodes` cannot reach the hub because the hub's address
    is a loopback address.

    For any other address, the finding contains a command that tests the connection from a node.
    This host cannot see a firewall between the nodes and the hub.
    """
    here = {socket.gethostname(), socket.gethostname().split(".")[0], socket.getfqdn(), "localhost"}
    elsewhere = sorted(node for node in nodes if node and node not in here and not _is_here(node))
    if not elsewhere:
        return
    if _is_loopback(site.hub.address):
        what = f"compute nodes such as {elsewhere[0]} cannot reach the hub at {site.hub.address}"
        yield Finding(
            what, "hub.address", "write the address of this host in the cluster's network"
        )
    else:
        what = f"this host cannot tell whether compute nodes reach the hub at {site.hub.address}, port {site.hub.port}"
        yield unseen(
            what,
            f"when the hub runs, try on {elsewhere[0]}: nc -z {site.hub.address} {site.hub.port}",
        )


def _is_here(name: str) -> bool:
    """Return whether the address of a node is an address of this host."""
    try:
        return all(
            listen_error(str(place[4][0]), 0) is None for place in socket.getaddrinfo(name, None)
        )
    except OSError:
        return False


def _is_loopback(address: str) -> bool:
    """Return whether an address is a loopback address, such as 127.0.0.1."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
