"""Define what a node has free, and compute how many servers of a tier fit on the free nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..site.tier import Tier


@dataclass(frozen=True)
class FreeNode:
    """Hold what a node has free. Memory is in MiB.

    `gpus` maps each type of GPU to the free and to all GPUs of this type. The type is "" if Slurm
    has none for the GPU. `idle` is whether no job runs on the node.
    """

    name: str
    partitions: frozenset[str]
    cpus: int
    memory: int
    idle: bool = False
    gpus: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def free_gpus(self, kind: str | None) -> int:
        """Return the free GPUs of a type, or of all types."""
        return sum(free for name, (free, _) in self.gpus.items() if kind in (None, name))


@dataclass(frozen=True)
class Room:
    """Hold how many servers of a tier fit now, and the tier's GPUs that are free and that exist.

    `nodes` lists, for the form, CPUs, memory and GPUs that are free together on one node. Values
    that another entry contains are left out.
    """

    servers: int
    free_gpus: int
    all_gpus: int
    nodes: tuple[tuple[int, int, int], ...]


def room_for(tier: Tier, partitions: Collection[str], nodes: Iterable[FreeNode]) -> Room:
    """Return the room for a tier on those of the nodes that are in one of the partitions."""
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
    """Return how many servers of the tier fit on the node."""
    fits = [node.cpus // (tier.cpus * tier.tasks), node.memory // tier.memory]
    if tier.gpus:
        fits.append(node.free_gpus(tier.gpu_type) // tier.gpus)
    return min(1, *fits) if tier.exclusive else min(fits)


def _largest(found: set[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    """Return the entries that no other entry contains, the largest first."""
    kept: list[tuple[int, int, int]] = []
    for one in sorted(found, reverse=True):
        if not any(all(a <= b for a, b in zip(one, other, strict=True)) for other in kept):
            kept.append(one)
    return tuple(kept)
