"""Compute how many servers of a course can run at the same time, from the CPUs and the memory of
the nodes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ...site.sections.tier import Tier

FORMAT = "%N|%c|%m|%T|%R"
"""What sinfo prints for each node: name, CPUs, memory in MiB, state, partition."""
_AWAY = re.compile(r"down|drain|fail|maint|unk|no_respond|power", re.I)


@dataclass(frozen=True)
class Node:
    """A compute node: its name, its number of CPUs, and its memory in MiB."""

    name: str
    cpus: int
    memory: int


def read_nodes(said: str, partitions: Collection[str]) -> dict[str, Node]:
    """Parse the output of sinfo. Return the nodes that can start jobs and that are in one of the
    partitions: node name -> Node."""
    nodes = {}
    for line in said.splitlines():
        fields = line.strip().split("|")
        if len(fields) != 5 or fields[4] not in partitions or _AWAY.search(fields[3]):
            continue
        if fields[1].isdigit() and fields[2].isdigit():
            nodes[fields[0]] = Node(fields[0], int(fields[1]), int(fields[2]))
    return nodes


def seats(tier: Tier, nodes: list[Node]) -> int:
    """Return how many servers of the tier fit on these nodes, if no other job runs on them."""
    if tier.exclusive:
        return len(nodes) // tier.nodes
    each = [
        min(node.cpus // (tier.cpus * tier.tasks), node.memory // tier.memory) for node in nodes
    ]
    if tier.nodes > 1:
        return sum(1 for one in each if one) // tier.nodes
    return sum(each)
