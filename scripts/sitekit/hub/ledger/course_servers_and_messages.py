"""Read the servers of a course from the ledger, and record the messages of its instructors."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from .ledger_rows import Row, row_of

KEPT = 7 * 86400  # seconds for which a message stays in the ledger
SHOWN = 140  # characters of a notification that JupyterLab shows; further characters are omitted

SERVERS = """
SELECT starts.*, max(intended) FROM starts
WHERE json_extract(choice, '$.course') = ? AND (ended IS NULL OR intended > ?)
GROUP BY user ORDER BY user
"""
"""For each user, SQLite returns the columns of the row with the latest `intended`, which is the
user's last start (SQLite's lang_select.html, bare columns)."""

IDLE = """
SELECT json_extract(choice, '$.idle') AS idle FROM starts
WHERE json_extract(choice, '$.course') = ? AND ended IS NULL
"""


class CoursesInLedger:
    """Define those methods of the class Ledger that are about courses. These methods use the database of
    Ledger."""

    @cached_property
    def _db(self) -> sqlite3.Connection:
        raise NotImplementedError

    def servers_of_course(self, course: str, since: float) -> list[Row]:
        """Return the last start of each participant. A start that has ended is returned only if it
        was recorded after `since`."""
        records = self._db.execute(SERVERS, (course, since))
        return [row_of(_without_maximum(record)) for record in records]

    def record_message(self, course: str, sender: str, text: str) -> None:
        """Record a message to all participants, and delete old messages."""
        now = time.time()
        self._db.execute("DELETE FROM messages WHERE at < ?", (now - KEPT,))
        self._db.execute(
            "INSERT INTO messages (course, sender, text, at) VALUES (?, ?, ?, ?)",
            (course, sender, text, now),
        )

    def messages(self, course: str, since: float) -> list[dict[str, Any]]:
        """Return the messages of a course that were recorded after `since`, at most twenty. The
        newest message is first."""
        records = self._db.execute(
            "SELECT id, sender, text, at FROM messages WHERE course = ? AND at > ? "
            "ORDER BY id DESC LIMIT 20",
            (course, since),
        )
        return [
            {"id": one["id"], "from": one["sender"], "text": one["text"], "at": one["at"]}
            for one in records
        ]


def _without_maximum(record: sqlite3.Row) -> dict[str, Any]:
    """Return the row without the extra column that the SQL query with max() adds."""
    return {key: record[key] for key in record.keys() if "(" not in key}  # noqa: SIM118  (of sqlite3.Row)


def longest_text(sender: str) -> int:
    """Return how many characters of a message JupyterLab shows, after the sender's name."""
    return max(SHOWN - len(f"{sender}: "), 40)


def idle_limit_of_course(ledger: Path, course: str) -> int | None:
    """Return the longest idle limit, in seconds, with which a server of the course runs. The result
    is None if no such server runs, if such a server has no idle limit, or if the ledger cannot be
    read. An administrator can remove the course file although servers of the course still run. The
    ledger is opened read-only, because the culler, which is a separate process, calls this
    function.
    """
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as opened:
            limits = [record[0] for record in opened.execute(IDLE, (course,))]
    except sqlite3.Error:
        return None
    return max(limits) if limits and None not in limits else None
