"""Check the IP addresses and ports of the hub's machine, and that the machine's host name can be
resolved."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ....base.finding import Finding, warning
from ....machine.checks.network import check_addresses_and_ports, listen_error, service_of
from ....machine.host.find_listening_processes import listeners
from ....site.types.address_types import is_ip
from ..check import Subject
from ..context import Context

subject = Subject("network", "Addresses and ports")
SLOW = 2.0
FEW = 1024  # a service that may open fewer files gets a warning; systemd's default is higher


def _findings(here: Context) -> list[Finding]:
    states = {here.applied.service(part): state.word for part, state in here.states.items()}
    found = check_addresses_and_ports(here.site, here.applied, states, here.platform)
    return here.once("addresses and ports", lambda: list(found))


@subject.check(
    "hub-address",
    "whether this machine has the address hub.address",
    "the hub listens at this address, and compute nodes connect to it",
    "write an address that `ip address` lists into hub.address",
    before=("start",),
)
def hub_address(here: Context) -> Iterator[Finding]:
    yield from (one for one in _findings(here) if one.where == "hub.address")


@subject.check(
    "ports",
    "which program listens at each port of the site",
    "the site cannot use a port of another program; worse, that program receives the requests of users",
    "stop that program, or write a free port into site.yml",
    before=("start",),
)
def ports(here: Context) -> Iterator[Finding]:
    others = ("hub.address", "slurm.ssh.tunnel.ports")
    found = [one for one in _findings(here) if one.where not in others]
    yield from found or _of_stopped(here)


def _of_stopped(here: Context) -> Iterator[Finding]:
    """Yield a finding for each port of a stopped service on which another program listens."""
    stopped = {
        port: key
        for key, port in here.applied.ports.items()
        if (state := here.states.get(service_of(key))) and state.word == "stopped"
    }
    for port, holder in listeners(set(stopped)).items():
        if (
            stopped[port] == ("hub", "port")
            and listen_error(here.applied.hub_listens_at, port) is None
        ):
            continue  # the other program listens at another address of this host
        who = str(holder) if holder else "another program"
        yield Finding(f"{who} listens on port {port}", ".".join(stopped[port]))


@subject.check(
    "local-ports",
    "whether Linux may use ports of the site for outgoing connections of other programs",
    "a service whose port is in use by chance does not start after a boot",
    "sysctl net.ipv4.ip_local_reserved_ports=PORT, or another port",
    before=("apply",),
)
def local_ports(here: Context) -> Iterator[Finding]:
    yield from (one for one in _findings(here) if one.where == "slurm.ssh.tunnel.ports")
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    reserved = Path("/proc/sys/net/ipv4/ip_local_reserved_ports").read_text().strip()
    for key, port in here.site.ports.items():
        if low <= port <= high and str(port) not in reserved.split(","):
            yield warning(f"port {port} is in the range {low} to {high} (ip(7))", ".".join(key))


@subject.check(
    "front-name",
    "whether the host name in front.url has an address, and how long the look-up takes",
    "browsers find the site by this name",
    "add the name to DNS, or correct front.url",
    before=("apply",),
)
def front_name(here: Context) -> Iterator[Finding]:
    host = here.site.front.host
    if is_ip(host):
        return
    yield from _look_up(host, "front.url", "/etc/resolv.conf")


def _look_up(name: str, where: str, settings: str) -> Iterator[Finding]:
    """Look up a host name. Yield a finding with the place `where` if the host name has no address,
    and a finding with the file `settings` as its place if the look-up is slow."""
    begin = time.monotonic()
    try:
        socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as fault:
        yield warning(f"{name} has no address here: {fault.strerror}", where)
    if (took := time.monotonic() - begin) > SLOW:
        yield warning(f"the look-up of {name} took {took:.1f} s", settings)


@subject.check(
    "own-name",
    "whether this machine's own name has an address, and how long the look-up takes",
    "sudo and Slurm look up this name at each call; a slow answer delays each start of a server",
    "add this machine's name to /etc/hosts",
    before=("apply",),
)
def own_name(here: Context) -> Iterator[Finding]:
    yield from _look_up(socket.gethostname(), "/etc/hosts", "/etc/hosts")


@subject.check(
    "open-files",
    "how many files the hub and the proxy may open",
    "each user's connection needs two open files; at the limit the proxy refuses further connections",
    "LimitNOFILE= in a drop-in of the unit",
    root=True,
)
def open_files(here: Context) -> Iterator[Finding]:
    for part in ("proxy", "hub"):
        state = here.states.get(part)
        if state is None or state.pid is None:
            continue
        used = len(os.listdir(f"/proc/{state.pid}/fd"))
        limits = Path(f"/proc/{state.pid}/limits").read_text().splitlines()
        row = next((line for line in limits if line.startswith("Max open files")), "")
        soft = row.split()[3] if row else ""
        if soft.isdigit() and used > 0.8 * int(soft):
            yield warning(f"{used} of {soft} files are open", here.site.service(part))
        elif soft.isdigit() and int(soft) < FEW:
            what = f"it may open {soft} files, which is enough for about {int(soft) // 2} users"
            yield warning(what, here.site.service(part))


@subject.check(
    "listens",
    "whether each service that runs listens at its port",
    "a service that does not listen at its port cannot answer requests",
    "sudo make start",
    follows=("services.proxy", "services.hub", "services.front"),
    root=True,
)
def listens(here: Context) -> Iterator[Finding]:
    site = here.applied
    wanted = {"hub": site.hub.port, "proxy": site.proxy.port}
    if "front" in here.states:
        wanted["front"] = site.front.port
    there = listeners(set(wanted.values()))
    for part, port in wanted.items():
        if here.states[part].word == "running" and port not in there:
            yield Finding(f"it runs, and nothing listens at port {port}", site.service(part))
