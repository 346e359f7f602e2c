"""Record when each phase of a server's start ended, and the memory that the server uses.

The functions that only read have an open database as their argument. Therefore, `make status` can
call these functions too.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .ledger_rows import Row, row_of

STARTS = """
SELECT starts.*, submitted, began, ready, memory FROM starts LEFT JOIN measures USING (tag)
"""
OPEN = f"{STARTS} WHERE ended IS NULL ORDER BY intended"
NOT_BEGUN = f"{STARTS} WHERE ended IS NULL AND began IS NULL ORDER BY intended"
READY = f"{STARTS} WHERE ready > ?"
ENDED = f"{STARTS} WHERE ended > ? ORDER BY ended DESC"
OPENED = 900.0  # seconds within which the hub opens a server that listens
NAMES = ("submitted", "began", "ready", "memory")


@dataclass(frozen=True)
class Measures:
    """The times and the memory that the hub has recorded for one start of a server. Times are
    seconds since the epoch, memory is in MiB.

    `submitted` is when the job was submitted, `began` when the job began to run, and `ready` when
    the hub opened the server to its user. A time is None if it is not known, or if the event has
    not happened yet. The field `memory` is the last value that the server itself has reported to
    the hub.
    """

    submitted: float | None = None
    began: float | None = None
    ready: float | None = None
    memory: int | None = None


Start = tuple[Row, Measures]


def open_starts(ledger: sqlite3.Connection) -> list[Start]:
    """Return every start that has not ended, with its recorded times and memory."""
    return list(_starts(ledger, OPEN))


def ended_starts(ledger: sqlite3.Connection, since: float) -> list[Start]:
    """Return the starts that ended after `since`, with their times and memory. The start that
    ended last is first."""
    return list(_starts(ledger, ENDED, since))


def _starts(ledger: sqlite3.Connection, query: str, *values: object) -> Iterator[Start]:
    ledger.row_factory = sqlite3.Row
    for record in ledger.execute(query, values):
        columns: dict[str, Any] = dict(record)
        measures = Measures(**{name: columns.pop(name) for name in NAMES})
        yield row_of(columns), measures


class MeasuresInLedger:
    """Define those methods of the class Ledger that are about times and memory of servers. They use
    the database of Ledger."""

    @cached_property
    def _db(self) -> sqlite3.Connection:
        raise NotImplementedError

    def record_submitted(self, tag: str) -> None:
        """Record that the job was submitted. A later call changes nothing."""
        self._record("submitted", tag, time.time())

    def record_began(self, tag: str, at: float) -> None:
        """Record when the job began to run. A later call changes nothing."""
        self._record("began", tag, at)

    def record_ready(self, tag: str) -> None:
        """Record that the server is open to its user. A later call changes nothing.

        After a restart, the hub adds the routes of all servers again. If the server has listened
        for longer than OPENED, nothing is recorded, because the server was opened before the
        restart, by an older sitekit that did not record the time.
        """
        now = time.time()
        self._db.execute(
            "INSERT INTO measures (tag, ready) SELECT tag, ? FROM starts WHERE tag = ? "
            "AND listening > ? ON CONFLICT (tag) DO UPDATE SET ready = excluded.ready "
            "WHERE ready IS NULL",
            (now, tag, now - OPENED),
        )

    def ready_at(self, tag: str) -> float | None:
        """Return when the server was opened to its user; None if the server was not opened, or if
        the time is unknown."""
        found = self._db.execute("SELECT ready FROM measures WHERE tag = ?", (tag,)).fetchone()
        return found["ready"] if found else None

    def measures(self, tag: str) -> Measures | None:
        """Return the recorded times and memory of one start; None if nothing was recorded yet."""
        found = self._db.execute(f"SELECT {', '.join(NAMES)} FROM measures WHERE tag = ?", (tag,))  # noqa: S608
        record = found.fetchone()
        return Measures(**dict(record)) if record else None

    def _record(self, name: str, tag: str, at: float) -> None:
        """Record a time. If the time is recorded already, nothing is written to the disk."""
        self._db.execute(
            f"INSERT INTO measures (tag, {name}) VALUES (?, ?) ON CONFLICT (tag) "  # noqa: S608
            f"DO UPDATE SET {name} = excluded.{name} WHERE {name} IS NULL",
            (tag, at),
        )

    def record_memory(self, tag: str, memory: int) -> None:
        """Record the memory that a server uses now, in MiB."""
        self._db.execute(
            "INSERT INTO measures (tag, memory) VALUES (?, ?) "
            "ON CONFLICT (tag) DO UPDATE SET memory = excluded.memory",
            (tag, memory),
        )

    def measured(self) -> list[Start]:
        """Return every start that has not ended, with its recorded times and memory."""
        return open_starts(self._db)

    def not_begun(self) -> list[Start]:
        """Return the starts that have not ended, and for which the ledger has no time at which the
        job began to run.

        The hub calls this method every few seconds. Therefore, SQLite selects the rows, and the hub
        does not read the rows of all servers.
        """
        return list(_starts(self._db, NOT_BEGUN))

    def ready_since(self, since: float) -> list[Start]:
        """Return the starts that became ready after `since`."""
        return list(_starts(self._db, READY, since))

    def ended_since(self, since: float) -> list[Start]:
        """Return the starts that ended after `since`, with their times and memory. The start that
        ended last is first."""
        return ended_starts(self._db, since)
