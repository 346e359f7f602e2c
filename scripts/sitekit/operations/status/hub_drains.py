"""Read which nodes and partitions are drained, and find drained nodes that the cluster no longer
has."""

from __future__ import annotations

import asyncio
import pwd
from collections.abc import Iterable
from typing import Any

from ...backends.interface import Backend
from ...base.errors import Problem
from ...base.run_program import acting_as
from ...hub.ledger.record_drains import drained_places
from ...machine.host import sqlite
from ...site import Site


def read_drains(site: Site) -> list[dict[str, Any]]:
    """Return the drained nodes and partitions from the ledger, which is opened with the rights of
    the hub's account. Raises Problem, OSError or KeyError."""
    hub = pwd.getpwnam(site.hub.user)
    if not site.ledger.exists():
        raise Problem("there is no ledger: the hub's first start makes it", str(site.ledger))
    with acting_as(hub.pw_uid, hub.pw_gid), sqlite.open_database(site.ledger) as ledger:
        return drained_places(ledger)


def missing_nodes(drains: Iterable[dict[str, Any]], backends: Iterable[Backend]) -> list[str]:
    """Return the drained nodes that no backend has. If no node is drained, the backends are not
    queried. Raises NoAnswer."""
    nodes = {one["name"] for one in drains if one["kind"] == "node"}
    if not nodes:
        return []
    there = {name for backend in backends for name in asyncio.run(backend.node_names())}
    return sorted(nodes - there)
