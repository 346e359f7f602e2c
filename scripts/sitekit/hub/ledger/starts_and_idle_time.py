"""Record for how long servers are idle, and list all starts of a period for `make report`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

KEPT = 400 * 86400  # seconds for which a start is counted (thirteen months)
EACH = 5000  # the highest number of starts of one user that are counted

FORGET = """
DELETE FROM history WHERE intended < ?1 OR tag IN (
    SELECT tag FROM history WHERE user = ?2 ORDER BY intended DESC LIMIT -1 OFFSET ?3
)
"""
ADD_IDLE = """
INSERT INTO idle SELECT value, ?1 FROM json_each(?2) WHERE value IN (SELECT tag FROM starts)
ON CONFLICT (tag) DO UPDATE SET seconds = seconds + ?1
"""
BETWEEN = "SELECT * FROM usage WHERE intended < ? AND (ended IS NULL OR ended >= ?)"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Describe one start of a server for the usage report of `make report`. Memory is in MiB, times
    are seconds since the epoch.

    `kind` is the kind of the card with which the server ended; None if there is no card, for
    example because the user stopped the server.
    """

    tag: str
    user: str
    account: str
    uid: int | None
    backend: str
    job: str | None
    tier: str | None
    memory: int | None
    cap: int | None
    cpus: int | None
    gpus: int | None
    intended: float
    listening: float | None
    ended: float | None
    kind: str | None
    idle: float | None

    def owns(self, uid: int | None, account: str) -> bool:
        """Return whether a job of this owner can be the job of this start."""
        if uid is not None and self.uid is not None:
            return uid == self.uid
        return account == self.account


class UsageInLedger:
    """Define those methods of the class Ledger that are for the usage report. These methods use the database
    of Ledger."""

    @cached_property
    def _db(self) -> sqlite3.Connection:
        raise NotImplementedError

    def add_idle(self, tags: Iterable[str], seconds: float) -> None:
        """Add `seconds` to the idle time of the starts with these tags (ids), in one SQL
        statement."""
        self._db.execute(ADD_IDLE, (seconds, json.dumps(list(tags))))

    def usage(self, begin: float, end: float) -> list[Usage]:
        """Return the starts whose server possibly existed at some time between `begin` and
        `end`."""
        return [Usage(**dict(record)) for record in self._db.execute(BETWEEN, (end, begin))]

    def forget_history(self, user: str, now: float) -> None:
        """Delete starts that are older than KEPT from the history for `make report`. If the user
        has more than EACH starts in the history, delete the user's oldest starts."""
        self._db.execute(FORGET, (now - KEPT, user, EACH))
