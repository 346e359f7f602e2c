"""Record the announcements of the site's operators in the ledger, and every action of an operator
with the operator's name and the time.

The targets of make (such as `make announce`) record announcements as the hub's account, in a
separate process. The hub's REST API records announcements too. Because the hub reads the same
tables, no announcement is lost when the hub restarts.
"""

from __future__ import annotations

import json
import sqlite3
import time
from functools import cached_property
from typing import Any

from ...base.errors import BadInput
from .check_announcement import Announcement

MOST = 50  # the highest number of announcements to all users that have not ended
MOST_OF_USER = 20  # the highest number of messages to one user that have not ended
KEPT = 30 * 86400  # seconds for which an ended announcement stays in the ledger
MESSAGE_LASTS = 7 * 86400  # seconds for which a message without an end is shown
ACTIONS = 10_000  # the highest number of recorded actions of operators; older records are deleted

ACTIVE = "(ends IS NULL OR ends > ?)"
NOW = (
    "SELECT * FROM announcements WHERE begins <= ? AND (ends IS NULL OR ends > ?) "
    "AND user IN ('', ?) ORDER BY id"
)


class OperatorInLedger:
    """Define those methods of the class Ledger that are about announcements. These methods use the database
    of Ledger."""

    @cached_property
    def _db(self) -> sqlite3.Connection:
        raise NotImplementedError

    def announce(self, one: Announcement, sender: str) -> int:
        """Record an announcement, and return its number. Raises BadInput if there are too many
        announcements."""
        now = time.time()
        most = MOST_OF_USER if one.user else MOST
        ends = one.ends or (one.begins + MESSAGE_LASTS if one.user else None)
        with self._transaction():
            self._db.execute("DELETE FROM announcements WHERE ends < ?", (now - KEPT,))
            counted = self._db.execute(
                f"SELECT count(*) FROM announcements WHERE user = ? AND {ACTIVE}",  # noqa: S608
                (one.user, now),
            )
            if counted.fetchone()[0] >= most:
                remedy = "make announcements lists them, make announce_end ID=... ends one"
                raise BadInput(f"there are {most} already", "announcements", remedy)
            made = self._db.execute(
                "INSERT INTO announcements "
                "(text, level, pages, user, dismissible, begins, ends, sender, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    one.text,
                    one.level,
                    json.dumps(one.pages),
                    one.user,
                    one.dismissible,
                    one.begins,
                    ends,
                    sender,
                    now,
                ),
            )
            number = int(made.lastrowid or 0)
            action = "message" if one.user else "announce"
            self._note(sender, action, {"id": number, "user": one.user, "text": one.text})
        return number

    def announcements(self, now: float | None = None) -> list[dict[str, Any]]:
        """Return the announcements that have not ended, also announcements that have not yet
        begun."""
        now = time.time() if now is None else now
        found = self._db.execute(
            f"SELECT * FROM announcements WHERE {ACTIVE} ORDER BY id",  # noqa: S608
            (now,),
        )
        return [_announcement(record) for record in found]

    def announced(self, user: str, page: str, now: float | None = None) -> list[dict[str, Any]]:
        """Return the announcements that this user sees now on this page. `user` is "" if nobody is
        logged in."""
        now = time.time() if now is None else now
        found = [_announcement(record) for record in self._db.execute(NOW, (now, now, user))]
        return [one for one in found if page in one["pages"]]

    def end_announcement(self, number: int, sender: str) -> bool:
        """End an announcement now. Returns False if no announcement has this number, or if the
        announcement has already ended."""
        now = time.time()
        with self._transaction():
            changed = self._db.execute(
                f"UPDATE announcements SET ends = ? WHERE id = ? AND {ACTIVE}",  # noqa: S608
                (now, number, now),
            )
            if changed.rowcount:
                self._note(sender, "announce_end", {"id": number})
        return changed.rowcount == 1

    def unlogged_actions(self) -> list[dict[str, Any]]:
        """Return the actions of operators that the hub has not logged yet, and mark these actions
        as logged."""
        found = self._db.execute("SELECT * FROM actions WHERE logged IS NULL ORDER BY id LIMIT 100")
        rows = [{**dict(record), "what": json.loads(record["what"])} for record in found]
        if rows:
            self._db.execute(
                "UPDATE actions SET logged = ? WHERE logged IS NULL AND id <= ?",
                (time.time(), rows[-1]["id"]),
            )
        return rows

    def _note(self, who: str, action: str, what: dict[str, Any]) -> None:
        """Record an action of an operator, and delete the oldest records of actions."""
        self._db.execute(
            "INSERT INTO actions (at, who, action, what) VALUES (?, ?, ?, ?)",
            (time.time(), who, action, json.dumps(what)),
        )
        self._db.execute(
            "DELETE FROM actions WHERE id <= (SELECT max(id) FROM actions) - ?", (ACTIONS,)
        )

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """Commit all changes of a `with` block together, or no change if the block raises an
    exception."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")


def _announcement(record: sqlite3.Row) -> dict[str, Any]:
    """Convert a row of the ledger's table of announcements to a dictionary that can be sent as
    JSON."""
    columns = dict(record)
    columns["pages"] = json.loads(columns["pages"])
    columns["dismissible"] = bool(columns["dismissible"])
    return columns
