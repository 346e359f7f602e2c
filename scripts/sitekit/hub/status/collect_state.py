"""Collect the state of the site as one record, for the status page and `make status`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from ...site import Site
from ..ledger.ledger_measures import Start
from ..servers.shared_objects import HubState
from .poll_kernels_and_release import PrefixState, last_prefix
from .summarize_servers import OpenServer, describe_cards, describe_server, describe_sums

DAY = 86400.0


def describe_site(
    site: Site,
    servers: list[OpenServer],
    ended: Iterable[Start] | None,
    backends: dict[str, Any],
    prefix: PrefixState,
) -> dict[str, Any]:
    """Return the state of the site as a dictionary that can be sent as JSON. It contains the open
    servers, the backends, the kernels, and the cards of the last day.

    `ended` are the starts that ended within the last day; None if these starts are not known.
    `backends` holds the answers of SnapshotLoop.status by the backend's name.
    """
    return {
        "site": site.name,
        "at": time.time(),
        **describe_sums(servers),
        "backends": backends,
        "kernels": asdict(prefix.kernels) if prefix.kernels else None,
        "release": prefix.release,
        "cards": None if ended is None else describe_cards(ended),
    }


def servers_now(hub_state: HubState) -> list[OpenServer]:
    """Return the servers that wait or run now, from the ledger and the last snapshot of the jobs."""
    return [
        describe_server(start, hub_state.job_of(start[0]), _explain(hub_state, start))
        for start in hub_state.ledger.measured()
    ]


def _explain(hub_state: HubState, start: Start) -> Callable[..., str]:
    return hub_state.backend_of(start[0]).explain_reason


def status_now(hub_state: HubState) -> dict[str, Any]:
    """Return the record of the running hub. This function does not query Slurm or another
    program."""
    ended = hub_state.ledger.ended_since(time.time() - DAY)
    backends = {name: backend.status() for name, backend in hub_state.backends.items()}
    record = describe_site(hub_state.site, servers_now(hub_state), ended, backends, last_prefix())
    return {**record, "drains": hub_state.ledger.drained()}
