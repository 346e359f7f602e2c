"""Compare the tiers with the Slurm partitions that the tiers name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ....base.finding import Finding, Severity, warning
from ....machine.checks.tiers_fit_cluster import (
    NODES,
    Partition,
    check_memory_caps,
    check_tier_fits,
    read,
    test_job,
)
from ....machine.installed import unix_accounts
from ....machine.installed.read_and_restore_path import MACHINE
from ....site.types.memory_and_time import format_time
from ..check import Subject
from ..context import Context
from .slurm import local, on_slurm

subject = Subject("tiers", "Tiers and partitions", on_slurm)


def _there(here: Context) -> dict[str, Partition]:
    """Return each partition with the size of its largest node, from sinfo."""
    return read(here.slurm("sinfo", *NODES))


@subject.check(
    "partition-exists",
    "whether sinfo lists the partitions of each tier",
    "Slurm refuses a job for a missing partition, and no server of the tier starts",
    "name a partition that `sinfo -s` lists in tiers[].partitions",
    needs=("slurm.controller", "slurm.queue"),
)
def partition_exists(here: Context) -> Iterator[Finding]:
    there = _there(here)
    listed = ", ".join(sorted(there)[:12]) or "none"
    for place, tier in enumerate(here.site.tiers):
        for name in tier.partitions:
            if name not in there:
                key = f"tiers[{place}].partitions"
                yield Finding(f"Slurm has no partition {name}", key, f"name one of: {listed}")
    check = here.site.kernels.check.partition
    if check and check not in there:
        what = f"Slurm has no partition {check}"
        yield warning(what, "kernels.check.partition", f"name one of: {listed}")


@subject.check(
    "fits-nodes",
    "memory, CPUs, time and GPUs of each tier, compared with the nodes and limits of its partitions",
    "a job that is larger than each node, or longer than the limit, waits for ever or is refused",
    "reduce the tier's size, or name other partitions",
    needs=("slurm.controller", "slurm.queue"),
)
def fits_nodes(here: Context) -> Iterator[Finding]:
    there = _there(here)
    for place, tier in enumerate(here.site.tiers):
        for name in tier.partitions:
            if name in there:
                yield from check_tier_fits(there, tier, name, f"tiers[{place}]")


@subject.check(
    "memory-cap",
    "memory_cap of each tier, compared with AllowedRAMSpace in cgroup.conf, and the cgroup version",
    "a server is killed, or slowed down, below the memory that the form promises",
    "write another memory_cap, or change cgroup.conf",
    needs=("slurm.controller",),
)
def memory_cap(here: Context) -> Iterator[Finding]:
    yield from check_memory_caps(here.site, here.config)


@subject.check(
    "partition-up",
    "the state of each partition",
    "a partition that is down starts no jobs; an inactive or draining one accepts none",
    "scontrol update PartitionName=NAME State=up",
    needs=("slurm.controller",),
    applies=local,
)
def partition_up(here: Context) -> Iterator[Finding]:
    for name in here.wanted:
        state = here.partitions.get(name, {}).get("State", "UP")
        if state != "UP":
            alone = any(
                tier.partitions == (name,)
                or all(
                    here.partitions.get(one, {}).get("State", "UP") != "UP"
                    for one in tier.partitions
                )
                for tier in here.site.tiers
                if name in tier.partitions
            )
            severity = Severity.ERROR if alone else Severity.WARNING
            remedy = f"scontrol update PartitionName={name} State=up"
            yield Finding(f"the partition {name} is {state}", "Slurm", remedy, severity)


@subject.check(
    "groups-allowed",
    "whether AllowGroups of each partition contains a group of the site's users",
    "users outside of these groups get no server in the partition",
    "AllowGroups in slurm.conf, or another partition for the tier",
    needs=("slurm.controller",),
    follows=("accounts.groups",),
    applies=local,
)
def groups_allowed(here: Context) -> Iterator[Finding]:
    own, user = here.site.login.allowed_groups, here.somebody
    for name in here.wanted:
        allowed = here.partitions.get(name, {}).get("AllowGroups", "ALL")
        groups = allowed.split(",")
        if allowed == "ALL" or set(own) & set(groups):
            continue
        if not any(unix_accounts.is_member(MACHINE, user, group) for group in groups):
            what = f"{name} has AllowGroups={allowed}, and {user} is in none of these groups"
            yield Finding(what, "slurm.conf")


@subject.check(
    "roots-only",
    "RootOnly, ReqResv and AllocNodes of each partition",
    "with one of these settings, the hub's host or its users cannot submit jobs to the partition",
    "scontrol update PartitionName=NAME RootOnly=NO ReqResv=NO AllocNodes=ALL",
    needs=("slurm.controller",),
    applies=local,
)
def for_users(here: Context) -> Iterator[Finding]:
    for name in here.wanted:
        row = here.partitions.get(name, {})
        if row.get("RootOnly") == "YES":
            remedy = f"scontrol update PartitionName={name} RootOnly=NO"
            yield Finding(f"{name} has RootOnly=YES", "slurm.conf", remedy)
        if row.get("ReqResv") == "YES" and not all(
            tier.reservation for tier in here.site.tiers if name in tier.partitions
        ):
            remedy = f"scontrol update PartitionName={name} ReqResv=NO"
            yield Finding(f"{name} has ReqResv=YES", "slurm.conf", remedy)
        if row.get("AllocNodes", "ALL") not in ("ALL", ""):
            what = f"{name} has AllocNodes={row['AllocNodes']}: is this host one of them?"
            yield warning(what, "slurm.conf")


@subject.check(
    "shares-nodes",
    "OverSubscribe and ExclusiveUser of each partition",
    "each server gets a whole node, and few users fill the partition",
    "OverSubscribe=NO, or `exclusive: true` for the tier",
    needs=("slurm.controller",),
    applies=local,
)
def shares_nodes(here: Context) -> Iterator[Finding]:
    for name in here.wanted:
        row = here.partitions.get(name, {})
        meant = all(tier.exclusive for tier in here.site.tiers if name in tier.partitions)
        if row.get("OverSubscribe") == "EXCLUSIVE" and not meant:
            yield warning(
                f"{name} has OverSubscribe=EXCLUSIVE: one server for each node", "slurm.conf"
            )


@subject.check(
    "not-preempted",
    "PreemptMode of each partition, and other partitions on the same nodes with a higher PriorityTier",
    "a job of such a partition ends users' servers without a warning",
    "PreemptMode=OFF for the partition in slurm.conf",
    needs=("slurm.controller",),
    applies=local,
)
def not_preempted(here: Context) -> Iterator[Finding]:
    if here.config.get("PreemptType", "preempt/none") == "preempt/none":
        return
    for name in here.wanted:
        row = here.partitions.get(name, {})
        mode = row.get("PreemptMode", "OFF")
        above = [
            other["PartitionName"]
            for other in here.partitions.values()
            if _tier(other) > _tier(row) and set(_nodes(other)) & set(_nodes(row))
        ]
        if mode != "OFF" and above:
            what = f"jobs of {', '.join(above[:3])} may end servers in {name} ({mode})"
            yield warning(what, "slurm.conf")


def _tier(row: dict[str, str]) -> int:
    text = row.get("PriorityTier", "0")
    return int(text) if text.isdigit() else 0


def _nodes(row: dict[str, str]) -> list[str]:
    """Return the names in a list of nodes such as `a[1-3],b`, without the numbers: `a` and `b`. The
    names without numbers are enough to find partitions that share nodes."""
    return re.findall(r"[A-Za-z][\w.-]*", re.sub(r"\[[^]]*\]", "", row.get("Nodes", "")))


@subject.check(
    "accepted",
    "whether Slurm accepts a job of each tier from a user (sbatch --test-only)",
    "if Slurm refuses this job, it refuses the jobs of all users of the tier",
    "sbatch --test-only as the user prints the same message",
    needs=("slurm.controller", "slurm.queue"),
    follows=(
        "tiers.partition-exists",
        "tiers.fits-nodes",
        "tiers.partition-up",
        "tiers.roots-only",
        "tiers.groups-allowed",
        "nodes.some-up",
        "nodes.reservation-exists",
        "limits.association",
        "limits.accounts-allowed",
        "limits.qos-allowed",
        "limits.named",
        "limits.none-left",
        "slurm.munge",
        "slurm.accounting",
    ),
    root=True,
    applies=local,
)
def accepted(here: Context) -> Iterator[Finding]:
    there, user = _there(here), here.somebody
    for place, tier in enumerate(here.site.tiers):
        wanted = [name for name in tier.partitions if name in there]
        refused = [
            one
            for name in wanted
            for one in test_job(here.site, tier, name, f"tiers[{place}]", user)
        ]
        if refused:
            nowhere = len(refused) == len(wanted)
            severity = Severity.ERROR if nowhere else Severity.WARNING
            yield replace(refused[0], severity=severity)


@subject.check(
    "time-of-idle",
    "the idle limit of each tier, compared with its time limit",
    "if Slurm ends an idle server at its time limit, unsaved work is lost without a warning",
    "write an idle limit below the tier's time",
)
def idle_before_end(here: Context) -> Iterator[Finding]:
    for place, tier in enumerate(here.site.tiers):
        if tier.idle is not None and tier.idle > tier.time:
            what = f"tier '{tier.key}' idles {format_time(tier.idle)}, and ends after {format_time(tier.time)}"
            yield warning(what, f"tiers[{place}].idle")
