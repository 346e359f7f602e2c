"""Read from sinfo the free CPUs, memory and GPUs of each node, for the form on which users start
servers.

The result of one query is used for all users who look at the form. The hub sends at most one query
a minute. If nobody looks at the form, the hub sends no query.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

from ...site import Site
from ..fitting_servers import FreeNode
from ..refresh_snapshot import SnapshotLoop
from ..start_and_job_records import NoAnswer, Refused
from .list_jobs import answered
from .separate_fields import Frame
from .transport import ask_slurm

EVERY = 60.0  # seconds between two queries
PATIENCE = 1.0  # seconds that a page waits for the answer
COLUMNS = (
    *("NodeHost", "Partition", "StateCompact", "CPUsState"),
    *("Memory", "AllocMem", "Gres", "GresUsed"),
)
"""What sinfo prints for each node and partition: sinfo(1), option --Format."""
_STARTS_JOBS = re.compile(r"(idle|mix|alloc)[~+-]?")
"""Matches the states of nodes that can start jobs. Only the suffixes `~`, `+` and `-` are accepted,
because a node with another suffix, such as `*` or `$`, starts no jobs.
"""
_GPU = re.compile(r"gpu(?::([A-Za-z][\w.-]*))?:(\d{1,6})(?=[(,]|$)", re.ASCII)


class FreeNodes:
    """Store the free CPUs, memory and GPUs of Slurm's nodes at the last query."""

    def __init__(self, site: Site, queue: SnapshotLoop) -> None:
        self._site, self._queue = site, queue
        self._nodes: tuple[FreeNode, ...] = ()
        self._read = self._asked = float("-inf")  # by the monotonic clock
        self._query: asyncio.Task[None] | None = None

    async def recent(self) -> tuple[FreeNode, ...] | None:
        """Return the nodes that can start jobs, as read in the last two minutes.

        If the last query was sent more than a minute ago, this method sends a query and waits at
        most a second for the answer. No query is sent during an outage of Slurm. Returns None if
        Slurm has not answered in the last two minutes.
        """
        now = time.monotonic()
        if now - self._asked > EVERY and self._queue.silent_since is None:
            self._asked = now
            self._query = asyncio.ensure_future(self._renew())
        if self._query and not self._query.done():
            await asyncio.wait([self._query], timeout=PATIENCE)
        return self._nodes if time.monotonic() - self._read <= 2 * EVERY else None

    async def _renew(self) -> None:
        """Query Slurm once for the free nodes. On a login node, the gate of an older sitekit
        refuses this query.
        """
        frame = Frame(len(COLUMNS))
        words = ("--noheader", "--all", "--Node", frame.long_format(COLUMNS))
        with contextlib.suppress(NoAnswer, Refused):
            await self._queue.spend()
            begun = time.monotonic()
            text = answered(await ask_slurm(self._site, "sinfo", *words))
            self._nodes, self._read = read_nodes(frame.records(text)), begun


def read_nodes(records: list[list[str]]) -> tuple[FreeNode, ...]:
    """Return the nodes that can start jobs. A node in several partitions occurs several times in
    the result, once for each partition.

    Unreadable records of sinfo's output are omitted.
    """
    found: dict[str, FreeNode] = {}
    for record in records:
        name, partition, state, cpus, memory, allocated, all_gpus, used_gpus = map(
            str.strip, record
        )
        by_state = cpus.split("/")  # allocated, idle, other, total
        figures = [*by_state, memory, allocated]
        if not _STARTS_JOBS.fullmatch(state) or len(by_state) != 4:
            continue
        if not all(re.fullmatch(r"\d{1,12}", figure, re.ASCII) for figure in figures):
            continue
        partitions = found[name].partitions if name in found else frozenset[str]()
        found[name] = FreeNode(
            name,
            partitions | {partition.removesuffix("*")},
            int(by_state[1]),
            max(0, int(memory) - int(allocated)),
            by_state[1] == by_state[3],
            _free_gpus(all_gpus, used_gpus),
        )
    return tuple(found.values())


def _free_gpus(every: str, used: str) -> dict[str, tuple[int, int]]:
    """Return the numbers of free GPUs and of all GPUs of a node, for each type of GPU. `every` is
    sinfo's field Gres, and `used` is GresUsed."""
    total, taken = _counts(every), _counts(used)
    return {kind: (max(0, count - taken.get(kind, 0)), count) for kind, count in total.items()}


def _counts(gres: str) -> dict[str, int]:
    """Return the number of GPUs of each type, from a text such as
    `gpu:a100:4(S:0-1),gpu:v100:2`."""
    counts: dict[str, int] = {}
    for kind, number in _GPU.findall(re.sub(r"\([^()]*\)", "", gres)):
        counts[kind] = counts.get(kind, 0) + int(number)
    return counts
