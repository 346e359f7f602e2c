"""Read which node or partition is to be drained, and refuse a node or partition that servers do not
use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...backends.interface import Backend
from ...base.errors import BadInput, shown
from ...site import Site
from ..ledger.drained_places import NAME

KINDS = ("node", "partition")


def read_place(given: Mapping[str, object], where: str) -> tuple[str, str]:
    """Return the kind (`node` or `partition`) and the name of what is to be drained. Raises
    BadInput if `given` does not contain exactly one node or partition, or if the name is not
    valid."""
    named = [kind for kind in KINDS if kind in given]
    if len(named) != 1:
        raise BadInput("name a node or a partition", where, "use one of node and partition")
    name = given[named[0]]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadInput(f"{shown(str(name))} is no name", named[0], "name one, as sinfo prints it")
    return named[0], name


async def refuse_unknown_place(
    site: Site, backends: Iterable[Backend], kind: str, name: str, where: str
) -> None:
    """Raise BadInput for a partition that no tier uses, and for a node that no backend has; raise
    NoAnswer if a backend does not answer.

    An unknown node must not be drained, because sbatch refuses each job that excludes an unknown
    node.
    """
    if kind == "partition":
        known = {partition for tier in site.tiers for partition in tier.partitions}
    else:
        known = {node for backend in backends for node in await backend.node_names()}
    if name not in known:
        listed = ", ".join(sorted(known)[:20]) or "none"
        raise BadInput(f"there is no {kind} {name} of this site", where, f"there are: {listed}")
