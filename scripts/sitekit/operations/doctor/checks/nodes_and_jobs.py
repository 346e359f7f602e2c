"""Check the cluster's nodes and reservations, and the site's jobs in the queue."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ....base.finding import Finding, Severity, note, warning
from ....site.sections.tier import Tier
from ....site.types.memory_and_time import format_time
from ..check import Subject
from ..context import Context, Row
from .slurm import local, on_slurm

subject = Subject("nodes", "Nodes and reservations", on_slurm)
_COLUMNS = ("--all", "--Node", "--noheader", "--format=%N|%R|%T|%E")
# `maint` counts as good here, because the check nodes.maintenance reports the reservation.
_GOOD = ("idle", "mixed", "allocated", "completing", "reserved", "maint", "planned")
HELD = ("PartitionDown", "PartitionInactive", "JobHeldAdmin", "JobHeldUser", "BadConstraints")


def _nodes(here: Context) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the nodes of each partition: partition -> node -> (the node's state, Slurm's reason
    for this state)."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for line in here.slurm("sinfo", *_COLUMNS).splitlines():
        parts = line.split("|", 3)
        if len(parts) == 4:
            node, partition, state, reason = (part.strip() for part in parts)
            found.setdefault(partition, {})[node] = (state, reason)
    return found


def _is_good(state: str) -> bool:
    return state.rstrip("~#$@+^-!%") in _GOOD


@subject.check(
    "some-up",
    "whether a node of each partition can run jobs",
    "if no node can run jobs, each server of the tier waits",
    "scontrol update NodeName=NODE State=resume, when the fault is repaired",
    needs=("slurm.controller", "slurm.queue"),
    follows=("slurm.munge",),
)
def some_up(here: Context) -> Iterator[Finding]:
    there = _nodes(here)
    for name in here.wanted:
        nodes = there.get(name, {})
        if nodes and not any(_is_good(state) for state, _ in nodes.values()):
            node, (state, reason) = next(iter(nodes.items()))
            other = any(
                _is_good(state)
                for tier in here.site.tiers
                if name in tier.partitions
                for partition in tier.partitions
                for state, _ in there.get(partition, {}).values()
            )
            what = f"no node of {name} can run jobs; {node} is {state} ({reason})"
            yield Finding(what, "sinfo", severity=Severity.WARNING if other else Severity.ERROR)


@subject.check(
    "all-up",
    "nodes that are drained, down, or do not answer",
    "fewer servers can run at the same time",
    "scontrol update NodeName=NODE State=resume, when the fault is repaired",
    needs=("slurm.controller", "slurm.queue"),
    follows=("nodes.some-up",),
)
def all_up(here: Context) -> Iterator[Finding]:
    there = _nodes(here)
    told: set[str] = set()
    for name in here.wanted:
        bad = {node: why for node, why in there.get(name, {}).items() if not _is_good(why[0])}
        for node, (state, reason) in bad.items():
            if node not in told and len(told) < 5:
                told.add(node)
                remedy = f"scontrol update NodeName={node} State=resume"
                yield warning(f"the node {node} is {state} ({reason})", "sinfo", remedy)


@subject.check(
    "nodes-known",
    "whether each partition has nodes",
    "a partition without nodes starts nothing",
    "Nodes= of the partition in slurm.conf",
    needs=("slurm.controller", "slurm.queue"),
    applies=local,
)
def nodes_known(here: Context) -> Iterator[Finding]:
    for name in here.wanted:
        row = here.partitions.get(name)
        if row and row.get("TotalNodes") == "0":
            yield Finding(f"the partition {name} has no nodes", "slurm.conf")


@subject.check(
    "maintenance",
    "reservations for maintenance that take all nodes of a tier now, or before a new server would end",
    "a job that would run into the reservation waits until it ends; a shorter job would start",
    "tell users to choose a shorter time; see: scontrol show reservation",
    needs=("slurm.controller",),
)
def maintenance(here: Context) -> Iterator[Finding]:
    now = time.time()
    for row in here.reservations:
        flags = set(row.get("Flags", "").split(","))
        if "MAINT" not in flags or not row.get("StartTime", "").isdigit():
            continue
        begin, end = int(row["StartTime"]), int(row.get("EndTime", "0") or 0)
        if end and end < now:
            continue
        name = row["ReservationName"]
        hit = [tier for tier in here.site.tiers if _blocked(here, tier, row, begin - now)]
        keys = ", ".join(tier.key for tier in hit)
        if hit and begin <= now:
            yield warning(f"the maintenance {name} holds the nodes of: {keys}", "Slurm")
        elif hit:
            most = format_time(max(60, int(begin - now) // 60 * 60))
            what = f"the maintenance {name} begins before these tiers end: {keys}"
            yield warning(f"{what}; jobs of at most {most} would start", "Slurm")


def _blocked(here: Context, tier: Tier, row: Row, left: float) -> bool:
    """Return whether the reservation `row` prevents servers of the tier from starting.

    The result is True if the reservation contains all nodes of the tier's partitions, and begins
    before a server would end. `left` is the number of seconds until the reservation begins.
    """
    if tier.time <= left:
        return False
    held = set(expand(row.get("Nodes", "")))
    nodes = _nodes(here)
    return all(nodes.get(name, {}).keys() <= held for name in tier.partitions)


def expand(text: str) -> Iterator[str]:
    """Yield the node names in a list of nodes in Slurm's short form, such as `a[1-3,5],b`."""
    depth, item = 0, ""
    for letter in f"{text},":
        if letter == "," and not depth:
            if item and item != "(null)":
                yield from _numbers(item)
            item = ""
            continue
        depth += (letter == "[") - (letter == "]")
        item += letter


def _numbers(item: str) -> Iterator[str]:
    head, bracket, rest = item.partition("[")
    if not bracket:
        yield head
        return
    inner, _, tail = rest.partition("]")
    for part in inner.split(","):
        low, _, high = part.partition("-")
        if low.isdigit() and (not high or high.isdigit()):
            for number in range(int(low), min(int(high or low), int(low) + 100000) + 1):
                yield f"{head}{number:0{len(low)}d}{tail}"


@subject.check(
    "reservation-exists",
    "whether the reservations that tiers name exist",
    "Slurm refuses a job for a reservation that does not exist or is over",
    "scontrol create reservation ..., or leave the tier's reservation out",
    needs=("slurm.controller",),
)
def reservation_exists(here: Context) -> Iterator[Finding]:
    known = {row["ReservationName"] for row in here.reservations}
    for place, tier in enumerate(here.site.tiers):
        if tier.reservation and tier.reservation not in known:
            what = f"there is no reservation {tier.reservation}"
            yield Finding(what, f"tiers[{place}].reservation")


@subject.check(
    "stuck",
    "waiting servers whose reason for the wait does not end by itself, such as PartitionDown",
    "the jobs of these servers never start by themselves",
    "scontrol show job NUMBER; scancel NUMBER",
    needs=("slurm.controller", "slurm.queue"),
    follows=("tiers.partition-up", "nodes.some-up"),
)
def stuck(here: Context) -> Iterator[Finding]:
    words = ("--noheader", "--all", "--states=PENDING", f"--name={here.site.job_name}")
    rows = here.slurm("squeue", *words, "--format=%i|%u|%r").splitlines()
    for line in rows[:200]:
        parts = line.split("|", 2)
        if len(parts) == 3 and parts[2].strip() in HELD:
            yield note(f"job {parts[0]} of {parts[1]} waits: {parts[2].strip()}", "squeue")
