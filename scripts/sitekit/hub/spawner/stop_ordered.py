"""Execute the orders of operators to stop all servers of a user (`make stop_servers`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from jupyterhub.app import JupyterHub

from ...base.language import gettext as _
from ..messages.failed_start_cards import Card
from ..servers.shared_objects import HubState
from .check_loaded_spawners import spawners
from .tier_spawner import TierSpawner

log = logging.getLogger("JupyterHub")

EVERY = 2.0  # seconds between two queries for orders


async def run(hub_state: HubState) -> None:
    """Execute the recorded orders of `make stop_servers` as they appear, until the hub ends."""
    while True:
        for order in hub_state.ledger.open_stops():
            stopped = await stop_servers(hub_state, order)
            hub_state.ledger.stop_done(order["id"], stopped)
            log.info("Stopped %d servers of %s as ordered", stopped, order["user"])
        await asyncio.sleep(EVERY)


async def stop_servers(hub_state: HubState, order: Mapping[str, Any]) -> int:
    """Stop the servers that a user had at the time of the order, with a card that contains the
    reason; return the number of stopped servers.

    If a server is starting, the hub cancels the server's job, and the start fails.
    """
    what = _("An administrator of the hub stopped your server.")
    remedy = order["text"] or _("Start it again, or ask them why they did it.")
    card = Card("stopped", what, remedy)
    tags = [row.tag for row in hub_state.ledger.to_stop(order)]
    for tag in tags:
        hub_state.ledger.abandon(tag, card.as_dict())
    ready = [one for one in spawners() if one.ready and _tag_of(one) in tags]
    await asyncio.gather(*(_stop(one.user, one.name) for one in ready))
    return len(tags)


def _tag_of(spawner: TierSpawner) -> str:
    """Return the tag (id) of the start of the spawner's server; "" if the server was not
    started."""
    return spawner.child_spawner.tag if spawner.child_spawner else ""


async def _stop(user: Any, name: str) -> None:
    """Remove a server's route, and stop the server, as JupyterHub's own handler does."""
    with contextlib.suppress(Exception):
        await JupyterHub.instance().proxy.delete_user(user, name)
    try:
        await user.stop(name)
    except Exception:
        log.exception("A server of %s did not stop; its job is cancelled later", user)
