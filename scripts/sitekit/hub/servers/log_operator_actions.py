"""Write each action of an operator to the hub's log, in one line of a fixed form.

The line is `Operator action: ` and a JSON object with the keys id, at, who, action and what. Make
targets run in other processes, and record their actions in the ledger. Therefore, a loop of the hub
reads new actions from the ledger.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timezone

from ..ledger.ledger import Ledger

log = logging.getLogger("JupyterHub")

EVERY = 2.0  # seconds between two queries for actions of other processes


def log_actions(ledger: Ledger) -> None:
    """Log the actions that are not logged yet."""
    for one in ledger.unlogged_actions():
        at = datetime.fromtimestamp(one["at"], timezone.utc).isoformat(timespec="seconds")
        line = {key: one[key] for key in ("id", "who", "action", "what")}
        log.info("Operator action: %s", json.dumps({"at": at, **line}))  # JSON is one ASCII line


async def log_for_ever(ledger: Ledger) -> None:
    """Log actions of other processes as they appear, until the hub ends."""
    while True:
        log_actions(ledger)
        await asyncio.sleep(EVERY)
