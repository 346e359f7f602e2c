"""Define the free CPUs, memory and GPUs of a node, and compute how many servers of a tier can start
on the nodes now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..site.sections.tier import Tier


@dataclass(frozen=True)
class FreeNode:
    """The free CPUs, memory and GPUs of one node. Memory is in MiB.

    `gpus` maps each type of GPU to two numbers: the free GPUs and all GPUs of this type. The type
    is "" if Slurm reports no type. `idle` is true if no job runs on the node.
    """

    name: str
    partitions: frozenset[str]
    cpus: int
    memory: int
    idle: bool = False
    gpus: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def free_gpus(self, kind: str | None) -> int:
        """Return the number of the node's free GPUs of the type `kind`. If `kind` is None, GPUs of
        all types count.
        """
        return sum(free for name, (free, _) in self.gpus.items() if kind in (None, name))


@dataclass(frozen=True)
class Room:
    """The number of servers of a tier that can start now. `free_gpus` and `all_gpus` count the GPUs
    that the tier can use.

    The form shows `nodes`. Each item of `nodes` contains the CPUs, memory and GPUs that are free on
    one node. A node is omitted if another node has at least as many free CPUs, as much free memory
    and as many free GPUs.
    """

    servers: int
    free_gpus: int
    all_gpus: int
    nodes: tuple[tuple[int, int, int], ...]


def room_for(tier: Tier, partitions: Collection[str], nodes: Iterable[FreeNode]) -> Room:
    """Return how many servers of the tier can start now, and how many GPUs are free. Only nodes in
    at least one of `partitions` count."""
    own = [node for node in nodes if node.partitions & set(partitions)]
    usable = [node for node in own if node.idle or not tier.exclusive]
    each = [_fitting(tier, node) for node in usable]
    servers = sum(1 for one in each if one) // tier.nodes if tier.nodes > 1 else sum(each)
    return Room(
        servers,
        sum(node.free_gpus(tier.gpu_type) for node in own),
        sum(
            count
            for node in own
            for kind, (_, count) in node.gpus.items()
            if tier.gpu_type in (None, kind)
        ),
        _largest({(node.cpus, node.memory, node.free_gpus(tier.gpu_type)) for node in usable}),
    )


def _fitting(tier: Tier, node: FreeNode) -> int:
    """Return how many servers of the tier can start on the node."""
    fits = [node.cpus // (tier.cpus * tier.tasks), node.memory // tier.memory]
    if tier.gpus:
        fits.append(node.free_gpus(tier.gpu_type) // tier.gpus)
    return min(1, *fits) if tier.exclusive else min(fits)


def _largest(found: set[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    """Return the items of `found`, the largest first. An item is omitted if another item has at
    least the same value in each number."""
    kept: list[tuple[int, int, int]] = []
    for one in sorted(found, reverse=True):
        if not any(all(a <= b for a, b in zip(one, other, strict=True)) for other in kept):
            kept.append(one)
    return tuple(kept)
