"""Check, in a user's job on a node of each partition, that the hub, the release, the kernels and
the home can be used (NODES=1)."""

from __future__ import annotations

from collections.abc import Iterator

from ....base.finding import Finding, warning
from ....site.types.memory_and_time import format_memory
from ..check import Subject
from ..context import Context
from ..node_job import Seen, seen_from_nodes
from .slurm import local, on_slurm

subject = Subject("node", "From a compute node", on_slurm)
CLOCK = 10.0  # seconds
MIB = 1024**2


def _answered(here: Context) -> list[Seen]:
    return [seen for seen in seen_from_nodes(here) if not seen.fault]


def _place(seen: Seen) -> str:
    return f"{seen.host} ({seen.partition})"


@subject.check(
    "job-runs",
    "whether a short job of a user runs in each partition",
    "servers are jobs like this test job",
    "srun --partition=NAME hostname, as the user",
    needs=("slurm.controller",),
    follows=("tiers.partition-exists", "tiers.partition-up", "nodes.some-up", "tiers.accepted",
             "slurm.munge", "nodes.maintenance"),
    nodes=True,
    applies=local,
)  # fmt: skip
def job_runs(here: Context) -> Iterator[Finding]:
    for seen in seen_from_nodes(here):
        if seen.fault:
            yield warning(f"the job in {seen.partition} failed: {seen.fault}", "srun")


@subject.check(
    "hub-reached",
    "whether a node can connect to the hub's address and port",
    "if a server cannot reach the hub, the hub ends the server after the time limit of its start",
    "open the port in the firewall; or write another hub.address",
    needs=("node.job-runs",),
    follows=("services.hub", "services.hub-answers", "network.hub-address"),
    nodes=True,
    applies=local,
)
def hub_reached(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.hub:
            yield Finding(f"the hub is not reached: {seen.hub}", _place(seen))


@subject.check(
    "release-runs",
    "whether the release's Python runs on a node",
    "a server's program is the release's Python",
    "mount the prefix on the nodes; its programs must fit the nodes' system",
    needs=("node.job-runs",),
    follows=("release.current", "release.seen-by-user"),
    nodes=True,
    applies=local,
)
def release_runs(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.release:
            yield Finding(f"the release does not run: {seen.release}", _place(seen))


@subject.check(
    "kernels-seen",
    "whether a user can list the folder of the published kernels on a node",
    "without published kernels the launcher shows no kernels",
    "mount the prefix on the nodes; make kernels",
    needs=("node.job-runs",),
    follows=("kernels.published",),
    nodes=True,
    applies=local,
)
def kernels_seen(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.kernels:
            yield warning(f"the kernels are not seen: {seen.kernels}", _place(seen))


@subject.check(
    "home-written",
    "whether the user can write to the home on a node",
    "the server and its notebooks write into the home",
    "mount the home on the nodes",
    needs=("node.job-runs",),
    follows=("login.home",),
    nodes=True,
    applies=local,
)
def home_written(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.home:
            yield Finding(f"the home cannot be written: {seen.home}", _place(seen))


@subject.check(
    "names",
    "whether a node can resolve the name of the hub's host",
    "a server cannot reach a host that it cannot find",
    "add the name to DNS, or write an IP address into hub.address",
    needs=("node.job-runs",),
    nodes=True,
    applies=local,
)
def names(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.names:
            yield Finding(f"{', '.join(seen.names)} cannot be resolved", _place(seen))


@subject.check(
    "clock",
    "the clock of a node, compared with the clock of this host",
    "with a wrong clock, munge and certificates are refused",
    "start chrony or ntpd on the node",
    needs=("node.job-runs",),
    nodes=True,
    applies=local,
)
def clock(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if abs(seen.clock) > CLOCK:
            yield warning(f"its clock differs by {seen.clock:.0f} s", _place(seen))


@subject.check(
    "memory-limit",
    "the memory limit of the job's cgroup, compared with the tier's memory_cap",
    "a server is killed at this limit, and the form shows the cap of the tier",
    "AllowedRAMSpace in cgroup.conf, or another memory_cap",
    needs=("node.job-runs",),
    follows=("tiers.memory-cap",),
    nodes=True,
    applies=local,
)
def memory_limit(here: Context) -> Iterator[Finding]:
    for seen in _answered(here):
        if seen.memory is None:
            yield warning("nothing limits the memory of the job", _place(seen))
        elif seen.memory < seen.tier.cap * MIB * 0.98:
            limit, cap = format_memory(seen.memory // MIB), format_memory(seen.tier.cap)
            yield warning(
                f"the limit is {limit}, and tier '{seen.tier.key}' has {cap}", _place(seen)
            )
