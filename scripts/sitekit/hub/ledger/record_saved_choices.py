"""Record in the ledger which choices of the form a user has saved, each with a name."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ...base.errors import BadInput
from .record_announcements import OperatorInLedger

MOST = 10  # the highest number of saved choices of one user
LONGEST = 50  # characters of a name


@dataclass(frozen=True)
class SavedChoice:
    """Hold a saved choice: its name, and its options as read_choice() returns them for storage."""

    name: str
    options: dict[str, str]


def created(user: Any) -> float:
    """Return when a user of the hub was created, in seconds since the epoch.

    JupyterHub stores the time in UTC, without a time zone.
    """
    at: datetime | None = user.orm_user.created
    return at.replace(tzinfo=timezone.utc).timestamp() if at else 0.0


class ChoicesInLedger(OperatorInLedger):
    """Define those methods of the class Ledger that are about saved choices.

    `since` is the time at which JupyterHub created its record of the user. A choice that was saved
    before this time belongs to an earlier user with the same name.
    """

    def save_choice(
        self, user: str, name: str, options: dict[str, str], since: float = 0.0
    ) -> None:
        """Save a choice. If the user already has a saved choice with this name, the new choice
        replaces the old choice. Raises BadInput if the name is empty or too long, or if the user
        has MOST saved choices already."""
        if not (0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()):
            raise BadInput(f"the name is not a text of 1 to {LONGEST} characters")
        with self._transaction():
            self._db.execute("DELETE FROM choices WHERE user = ? AND at < ?", (user, since))
            others = self._db.execute(
                "SELECT count(*) FROM choices WHERE user = ? AND name != ?", (user, name)
            )
            if others.fetchone()[0] >= MOST:
                raise BadInput(f"you have {MOST} saved choices already", "", "delete one first")
            self._db.execute(
                "INSERT OR REPLACE INTO choices VALUES (?, ?, ?, ?)",
                (user, name, json.dumps(options), time.time()),
            )

    def saved_choices(self, user: str, since: float = 0.0) -> list[SavedChoice]:
        """Return the choices that the user has saved, sorted by name."""
        found = self._db.execute(
            "SELECT name, options FROM choices WHERE user = ? AND at >= ? ORDER BY name",
            (user, since),
        )
        return [SavedChoice(record["name"], json.loads(record["options"])) for record in found]

    def delete_choice(self, user: str, name: str) -> bool:
        """Delete a saved choice. Returns False if the user has saved no choice with this name."""
        deleted = self._db.execute("DELETE FROM choices WHERE user = ? AND name = ?", (user, name))
        return deleted.rowcount == 1
