"""This host as the cluster of a site: partitions and nodes as the site names them, and the account
that runs all servers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sitekit.demo.cluster.paths_and_ports import NODES
from sitekit.site import Site

from ..faults.machine import Machine, changed
from ..slurm import ask, until

PARTITIONS = ("shared", "compute", "gpu-shared", "debug")
DAEMONS = ("slurmctld", *(f"slurmd-{node}" for node in NODES))


def large(text: str) -> str:
    """slurm.conf with nodes of the size that the sites have, and with their partitions."""
    text = re.sub(
        r"CPUs=\d+ CoresPerSocket=\d+ RealMemory=\d+",
        "CPUs=64 CoresPerSocket=64 RealMemory=256000 Gres=gpu:p100:4",
        text,
    )
    text += "GresTypes=gpu\n"
    lines = [
        f"PartitionName={name} Nodes=ALL MaxTime=2-00:00:00 OverSubscribe=NO\n"
        for name in PARTITIONS
    ]
    return text + "".join(lines)


@contextmanager
def large_nodes(machine: Machine) -> Iterator[None]:
    """The demo's Slurm with the partitions of the sites; afterwards as it was."""
    gres = machine.site.slurm.conf.with_name("gres.conf")
    # devices that are on every machine, in the place of GPUs: Slurm only counts them
    devices = ("null", "zero", "full", "random")
    gres.write_text("".join(f"Name=gpu Type=p100 File=/dev/{name}\n" for name in devices))
    try:
        with changed(machine.site.slurm.conf, large):
            restart(machine)
            yield
    finally:
        gres.unlink()
        restart(machine)


def restart(machine: Machine) -> None:
    """Restart Slurm's daemons, and wait until all nodes are there."""
    for name in DAEMONS:
        machine.kill(name)
    machine.mend(*DAEMONS)
    until(
        lambda: (
            set(ask(machine.site, "sinfo", "--noheader", "--Node", "--format=%T").split())
            <= {"idle", "mixed"}
        ),
        180,
    )


@contextmanager
def account(site: Site, name: str) -> Iterator[None]:
    """An account of the cluster that runs all servers of a site, with an allocation of its name."""
    words = ["useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", name]
    subprocess.run(words, check=True)
    try:
        ask(site, "sacctmgr", "--immediate", "add", "account", name)
        ask(site, "sacctmgr", "--immediate", "add", "user", name, f"account={name}")
        yield
    finally:
        cancel_all(site, name)
        for kind in ("user", "account"):
            until(lambda kind=kind: is_deleted(site, kind, name), 180)
        # userdel refuses while a process of the account is ending
        words = ["userdel", "--remove", name]
        until(lambda: subprocess.run(words, capture_output=True).returncode == 0, 180)


def is_deleted(site: Site, kind: str, name: str) -> bool:
    """Delete a user or an account of the accounting. False if slurmdbd does not know yet that the
    last job has ended."""
    with suppress(subprocess.CalledProcessError):
        ask(site, "sacctmgr", "--immediate", "delete", kind, name)
        return True
    return False


@contextmanager
def group(name: str, *members: str) -> Iterator[None]:
    """A Unix group of the cluster."""
    subprocess.run(["groupadd", name], check=True)
    try:
        subprocess.run(["gpasswd", "--members", ",".join(members), name], check=True)
        yield
    finally:
        subprocess.run(["groupdel", name], check=True)


@contextmanager
def reservation(site: Site, name: str) -> Iterator[None]:
    """A reservation of two nodes for the account of the same name."""
    words = ["StartTime=now", "Duration=120", "Nodes=demo1,demo2", f"Accounts={name}"]

    def is_made() -> bool:
        # slurmctld hears of a new account from slurmdbd, a moment after sacctmgr has ended
        with suppress(subprocess.CalledProcessError):
            ask(site, "scontrol", "create", f"ReservationName={name}", *words)
            return True
        return False

    until(is_made, 180)
    try:
        yield
    finally:
        cancel_all(site, name)  # Slurm deletes no reservation that a job uses
        ask(site, "scontrol", "delete", f"ReservationName={name}")


def cancel_all(site: Site, account: str) -> None:
    """Cancel the jobs that a failed test has left, and wait until they have ended."""
    ask(site, "scancel", f"--user={account}")
    until(lambda: not ask(site, "squeue", "--noheader", f"--user={account}"), 180)
