"""The ledger: every start of a server, with its job, from before the job exists until after it has
ended.

It is a small SQLite file in the site's state directory, which is the hub's alone. A row is written
before the job is submitted, so that a hub that dies at any moment leaves a row behind for each job
that can exist. The row's tag is in the job's comment, so that the two find each other again. It
holds no secrets: a token is named by JupyterHub's hash of it (its number would not do, as SQLite
gives numbers out again).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...backends.interface import Work
from ...backends.snapshot import Snapshot
from .ledger_schema import bring_up_to_date

KEEP = 90 * 86400  # seconds that an ended row stays
# ended rows of one user that stay: starts that fail at once come in a loop, each with a card
EACH = 200

FORGET = """
DELETE FROM starts WHERE tag IN (
    SELECT tag FROM starts WHERE user = ? AND ended IS NOT NULL ORDER BY intended DESC LIMIT -1 OFFSET ?
)
"""
LAST = "SELECT * FROM starts WHERE user = ? AND name = ? ORDER BY intended DESC LIMIT 1"


@dataclass(frozen=True, kw_only=True)
class Row(Work):
    """One start of a server. Times are seconds since the epoch.

    `user` is the hub's user and `account`, of Work, the cluster's account as which the server runs.
    """

    user: str
    name: str
    backend: str
    token: str | None
    choice: dict[str, Any]
    tls: bool = False
    port: int | None = None
    listening: float | None = None
    abandoned: float | None = None
    ended: float | None = None
    card: dict[str, Any] | None = None
    seen: float | None = None


class LedgerTrouble(Exception):
    """SQLite could not read or write: the disk is full, or something holds a lock on the file."""

    jupyterhub_message: str  # what JupyterHub shows for it; see overrides/database_errors.py
    jupyterhub_html_message: str


class _Connection(sqlite3.Connection):
    def execute(self, *words: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*words)
        except sqlite3.OperationalError as error:
            raise LedgerTrouble(f"the ledger cannot be used: {error}") from error


class Ledger:
    """Reads and writes are single SQL statements, each durable when it returns.

    The file is opened at the first of them: whoever only reads the hub's configuration, as `make
    apply` does to check it, leaves the file of the running hub alone.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path

    @cached_property
    def _db(self) -> sqlite3.Connection:
        opened = sqlite3.connect(self._path, isolation_level=None, factory=_Connection)
        opened.row_factory = sqlite3.Row
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA synchronous=FULL")
        bring_up_to_date(opened)
        return opened

    def intend(
        self,
        user: str,
        name: str,
        token: str | None,
        choice: dict[str, Any],
        *,
        backend: str = "slurm",
        account: str = "",
        uid: int | None = None,
    ) -> str:
        """Record that a job is about to be submitted; return its tag.

        `account` is the user's own name unless it is given. Without its `uid`, names are compared.
        """
        tag = secrets.token_hex(8)
        self._db.execute("DELETE FROM starts WHERE ended < ?", (time.time() - KEEP,))
        self._db.execute(FORGET, (user, EACH))
        self._db.execute(
            "INSERT INTO starts (tag, user, name, backend, account, uid, token, choice, intended) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tag,
                user,
                name,
                backend,
                account or user,
                uid,
                token,
                json.dumps(choice),
                time.time(),
            ),
        )
        return tag

    def certified(self, tag: str) -> None:
        """Record that this start was given a certificate: it is reached by TLS."""
        self._db.execute("UPDATE starts SET tls = 1 WHERE tag = ?", (tag,))

    def speaks_tls(self, tag: str) -> bool:
        """Whether it is reached by TLS."""
        row = self.row(tag)
        return row is not None and row.tls

    def submitted(self, tag: str, job: str) -> None:
        """Record the job's id."""
        self._db.execute("UPDATE starts SET job = ? WHERE tag = ?", (job, tag))

    def listens(self, tag: str, port: int) -> bool:
        """Record the port, once. False when this server is not starting, or has told its port
        before."""
        changed = self._db.execute(
            "UPDATE starts SET port = ?, listening = ? "
            "WHERE tag = ? AND port IS NULL AND ended IS NULL AND abandoned IS NULL",
            (port, time.time(), tag),
        )
        return changed.rowcount == 1

    def abandon(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """Nobody waits for this server any more: its job, wherever it turns up, is to be cancelled.
        `card` says why, where it was not its user's wish."""
        self._db.execute(
            "UPDATE starts SET abandoned = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def end(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """The job is gone, by the backend's own word. The first ending of a row stays, and so does
        its first card."""
        self._db.execute(
            "UPDATE starts SET ended = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def row(self, tag: str) -> Row | None:
        """The start with this tag."""
        return self._one("SELECT * FROM starts WHERE tag = ?", tag)

    def by_token(self, token: str) -> Row | None:
        """The open start to which an API token (its hash) was given."""
        return self._one("SELECT * FROM starts WHERE token = ? AND ended IS NULL", token)

    def open(self, backend: str | None = None) -> list[Row]:
        """Every start whose job may exist; of one backend, where it is named."""
        found = self._db.execute("SELECT * FROM starts WHERE ended IS NULL ORDER BY intended")
        return [row for row in map(_row, found) if backend in (None, row.backend)]

    def rows_of(self, tags: Iterable[str]) -> list[Row]:
        """The starts with these tags."""
        wanted = "SELECT * FROM starts WHERE tag IN (SELECT value FROM json_each(?))"
        return [_row(found) for found in self._db.execute(wanted, (json.dumps(list(tags)),))]

    def without_tls(self) -> int:
        """How many servers may run that were started without a certificate, and know the hub by its
        http address."""
        counted = self._db.execute("SELECT count(*) FROM starts WHERE ended IS NULL AND NOT tls")
        return int(counted.fetchone()[0])

    def closed_with_live_job(self, snapshot: Snapshot) -> list[Row]:
        """Servers that have ended by our own account while the snapshot lists their job as alive."""
        rows = [
            row for row in self.rows_of(snapshot.by_tag) if row.ended and row.ended < snapshot.at
        ]
        jobs = [(row, row.job_in(snapshot)) for row in rows]
        return [row for row, job in jobs if job and not job.ended]

    def tokens_of_the_ended(self, since: float) -> list[str]:
        """The hashes of the API tokens of servers that ended `since` then (seconds since the
        epoch)."""
        found = self._db.execute(
            "SELECT token FROM starts WHERE ended > ? AND token IS NOT NULL", (since,)
        )
        return [row["token"] for row in found]

    def last_card(self, user: str, name: str) -> dict[str, Any] | None:
        """The card of the user's last server of this name, until it was dismissed or a later one
        started."""
        found = self._one(LAST, user, name)
        return found.card if found and found.seen is None else None

    def last_choice(self, user: str, name: str) -> dict[str, Any] | None:
        """What the user's last server of this name was."""
        found = self._one(LAST, user, name)
        return found.choice if found else None

    def dismiss(self, user: str, name: str) -> None:
        """The user has read the card of the last server of this name."""
        self._db.execute(
            "UPDATE starts SET seen = ? WHERE user = ? AND name = ?", (time.time(), user, name)
        )

    def _one(self, statement: str, *values: object) -> Row | None:
        found = self._db.execute(statement, values).fetchone()
        return _row(found) if found else None


def _row(found: sqlite3.Row) -> Row:
    columns = dict(found)
    columns["tls"] = bool(columns["tls"])
    columns["choice"] = json.loads(columns["choice"])
    columns["card"] = json.loads(columns["card"]) if columns["card"] else None
    return Row(**columns)
