"""Describe the open servers of a site, and sum the figures by tier, partition and node.

The running hub and `make status` use the same descriptions. The descriptions come from the ledger's
rows and the last list of jobs, without a query of the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ...backends.start_and_job_records import Job
from ..ledger.ledger_measures import Start
from ..ledger.ledger_rows import Row
from ..servers.server_states import OPEN_STATES, RUNNING_STATES, ServerState, state_of

EXPECTED = ("stopped", "idle", "time")
"""The kinds of cards for servers that ended without a failure."""


@dataclass(frozen=True)
class OpenServer:
    """Describe one open server. Memory is in MiB, `since` is in seconds since the epoch.

    `name` is "" for the user's default server, else the name of the named server. `why` is the
    reason why the server waits. `used` is None if the server has not reported its memory.
    """

    user: str
    name: str
    tier: str
    state: ServerState
    since: float
    backend: str = ""
    job: str = ""
    partition: str = ""
    node: str = ""
    why: str = ""
    memory: int = 0
    cap: int = 0
    used: int | None = None


def describe_server(start: Start, job: Job | None, explain: Callable[[Job], str]) -> OpenServer:
    """Describe one open server; `explain` returns why a pending job waits."""
    row, measures = start
    state, since = state_of(row, job)
    return OpenServer(
        user=row.user,
        name=row.name,
        tier=str(row.choice.get("tier", "")),
        state=state,
        since=since,
        backend=row.backend,
        job=row.job or "",
        partition=_partition(row, job),
        node=job.host if job else "",
        why=explain(job) if job and state is ServerState.WAITING else "",
        memory=int(row.choice.get("memory", 0)),
        cap=int(row.choice.get("cap", 0)),
        used=measures.memory if state in RUNNING_STATES else None,
    )


def _partition(row: Row, job: Job | None) -> str:
    """Return the partition of Slurm in which the job runs, or in which the job may start."""
    found = getattr(job, "partition", "")  # only Slurm's jobs have a partition
    return found or ",".join(row.choice.get("partitions", ()))


def add_up(servers: Iterable[OpenServer], key: Callable[[OpenServer], str]) -> list[dict[str, Any]]:
    """Return one dictionary for each result of `key`, such as each tier. The dictionary contains
    the number of servers in each state, and the sums of the servers' memory.

    `memory` and `cap` are the sums for running servers. `used` is the memory of the servers that
    have reported their memory, and `reported` is the number of these servers.
    """
    sums: dict[str, dict[str, Any]] = {}
    for one in servers:
        name = key(one)
        if not name:
            continue
        total = sums.setdefault(name, empty_sum(name))
        total[one.state.value] += 1
        if one.state in RUNNING_STATES:
            total["memory"] += one.memory
            total["cap"] += one.cap
            total["used"] += one.used or 0
            total["reported"] += one.used is not None
    return [sums[name] for name in sorted(sums)]


def empty_sum(name: str) -> dict[str, Any]:
    """Return a dictionary for add_up(), with the given name, in which all numbers are 0."""
    counts = {state.value: 0 for state in OPEN_STATES}
    return {"name": name, **counts, "memory": 0, "cap": 0, "used": 0, "reported": 0}


def describe_sums(servers: list[OpenServer]) -> dict[str, Any]:
    """Return a dictionary with the servers and their sums, which can be sent as JSON."""
    return {
        "servers": [asdict(one) for one in servers],
        "tiers": add_up(servers, lambda one: one.tier),
        "partitions": add_up(servers, lambda one: one.partition),
        "nodes": add_up(servers, lambda one: one.node),
    }


def describe_cards(ended: Iterable[Start], most: int = 20) -> dict[str, Any]:
    """Return the cards of ended servers: the number of cards of each kind, and the last cards.

    A card is the text that tells a user why a server ended.
    """
    kinds: dict[str, int] = {}
    last: list[dict[str, Any]] = []
    for row, _ in ended:
        if row.card is None:
            continue
        kind = str(row.card.get("kind", ""))
        kinds[kind] = kinds.get(kind, 0) + 1
        if len(last) < most:
            what, tier = str(row.card.get("what", "")), str(row.choice.get("tier", ""))
            last.append(
                {"at": row.ended, "kind": kind, "user": row.user, "tier": tier, "what": what}
            )
    return {"kinds": dict(sorted(kinds.items())), "last": last}
