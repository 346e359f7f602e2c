"""Check the SSH connection to the login node and the tunnels of servers, for a hub outside the
cluster."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator

from ....backends.slurm import ssh_files as ssh
from ....base.finding import Finding, unseen
from ....contracts.tunnel_paths import host_key
from ....machine.checks.login_node_partitions import check_login_node
from ....machine.checks.preconditions import check_sshd
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.supervisors.check_services_answer import tunnel_answers
from ....site import Site
from ..check import Subject
from ..context import Context, Unanswered
from .site_file import problems

subject = Subject("ssh", "Login node and tunnels")


def _outside(site: Site) -> bool:
    return site.slurm.ssh is not None


def _tunnel(site: Site) -> bool:
    return site.tunnel is not None


@subject.check(
    "client",
    "whether ssh is installed, and whether the hub's files for ssh exist",
    "the hub reaches Slurm with ssh",
    "install the package openssh-client; sudo make apply",
    applies=_outside,
)
def client(here: Context) -> Iterator[Finding]:
    if shutil.which("ssh", path="/usr/bin:/bin") is None:
        yield Finding(
            "ssh is not installed", "slurm.ssh", f"{here.platform.install} openssh-client"
        )
    for path in (ssh.config(here.site), ssh.known_hosts(here.site), ssh.key(here.site)):
        if not path.exists():
            yield Finding("it is not there", str(path), "sudo make apply")


@subject.check(
    "key",
    "who can read the hub's key for the login node",
    "only the hub may be able to read this key",
    "sudo make apply",
    needs=("ssh.client", "accounts.exist"),
    root=True,
    applies=_outside,
)
def key(here: Context) -> Iterator[Finding]:
    path = ssh.key(here.site)
    if path.stat().st_mode & 0o077:
        yield Finding("others may read it", str(path), f"chmod 600 {path}")
    elif fault := here.look_as(here.site.hub.user, paths={str(path): "r"})["paths"][str(path)]:
        yield Finding(f"{here.site.hub.user}: {fault}", str(path))


@subject.check(
    "login-node",
    "whether the login node's sshd answers at its port",
    "without the login node no server starts, and the hub cannot find out which servers run",
    "ask the administrators of the login node; check slurm.ssh.host and port",
    applies=_outside,
)
def login_node(here: Context) -> Iterator[Finding]:
    given = here.site.slurm.ssh
    if given is None:
        return
    try:
        with socket.create_connection((given.host, given.port), 5) as connection:
            word = connection.recv(8)
    except OSError as fault:
        yield Finding(f"no answer at {given.host}, port {given.port}: {fault}", "slurm.ssh.host")
        return
    if not word.startswith(b"SSH-"):
        yield Finding(f"no sshd answers at {given.host}, port {given.port}", "slurm.ssh.port")


@subject.check(
    "gate",
    "whether the gate on the login node answers a query of the hub",
    "the hub submits, lists and cancels the jobs of servers through the gate",
    "make gate_bundle, and install the file on the login node",
    needs=("ssh.client", "ssh.login-node"),
    applies=_outside,
)
def gate(here: Context) -> Iterator[Finding]:
    if not os.access(ssh.key(here.site), os.R_OK):
        raise Unanswered("only root can read the hub's key for the login node")
    try:
        here.slurm("scontrol", "show", "config")
    except Unanswered as silence:
        yield Finding(str(silence), "slurm.ssh")


@subject.check(
    "nodes-unseen",
    "what a hub outside of the cluster cannot check",
    "homes, modules and limits are on the cluster",
    "run NODES=1 checks on the cluster",
    applies=_outside,
)
def nodes_unseen(here: Context) -> Iterator[Finding]:
    yield unseen(
        "homes, kernels, partitions' settings and users' limits are seen on the cluster only"
    )


@subject.check(
    "tunnel-sshd",
    "whether sshd is installed, and whether the host key of the site's own sshd exists",
    "servers connect to the hub through this sshd",
    "install the package openssh-server; sudo make apply",
    applies=_tunnel,
)
def tunnel_sshd(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_sshd(here.site, MACHINE))
    if not host_key(here.site).exists():
        yield Finding("it is not there", str(host_key(here.site)), "sudo make apply")


@subject.check(
    "tunnel-answers",
    "whether the site's own sshd answers",
    "without this sshd no server can connect to the hub",
    "sudo make start",
    needs=("services.tunnel",),
    follows=("network.ports",),
    root=True,
    applies=_tunnel,
)
def tunnel_is_there(here: Context) -> Iterator[Finding]:
    if not tunnel_answers(here.applied):
        yield Finding("the site's own sshd does not answer", here.applied.service("tunnel"))


@subject.check(
    "tiers",
    "whether the cluster behind the login node has what the tiers need: partitions, sizes and the release",
    "a server does not start if its partition is missing, or if the release does not fit",
    "correct the tier; or build the same release in slurm.ssh.prefix, on the cluster",
    needs=("ssh.gate",),
    follows=("ssh.login-node", "ssh.key", "tiers.partition-exists", "tiers.fits-nodes"),
    root=True,
    applies=_outside,
)
def tiers(here: Context) -> Iterator[Finding]:
    yield from check_login_node(here.site)
