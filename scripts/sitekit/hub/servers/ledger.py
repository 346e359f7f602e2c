"""The ledger: every server start, with its job, from before the job exists until after it has ended.

It is a small SQLite file in the site's state directory, which is the hub's alone. A row is written before sbatch
runs, so that a hub that dies at any moment leaves a row behind for each job that can exist; the row's tag is in the
job's comment, so that the two find each other again. It holds no secrets: a token is named by
JupyterHub's hash of it (its number would not do, as SQLite gives numbers out again).
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

from ...backends.slurm.parse import Job
from ...backends.slurm.queue import Snapshot

SCHEMA = """
CREATE TABLE IF NOT EXISTS servers (
    tag       TEXT PRIMARY KEY,
    user      TEXT NOT NULL,
    name      TEXT NOT NULL,
    token     TEXT,
    choice    TEXT NOT NULL,
    intended  REAL NOT NULL,
    job       INTEGER,
    port      INTEGER,
    listening REAL,
    abandoned REAL,
    ended     REAL,
    card      TEXT,
    seen      REAL
);
CREATE INDEX IF NOT EXISTS open_servers ON servers (ended) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS users_servers ON servers (user, intended);
CREATE TABLE IF NOT EXISTS owners (tag TEXT PRIMARY KEY, uid INTEGER);
CREATE TABLE IF NOT EXISTS certificates (tag TEXT PRIMARY KEY);
"""
ROWS = "SELECT servers.*, owners.uid FROM servers LEFT JOIN owners USING (tag)"
"""The uids have a table of their own, since an older release, after a rollback, does not know their column."""
KEEP = 90 * 86400  # seconds that an ended row stays
EACH = 200  # ended rows of one user that stay: starts that fail at once come in a loop, each with a card

FORGET = """
DELETE FROM servers WHERE tag IN (
    SELECT tag FROM servers WHERE user = ? AND ended IS NOT NULL ORDER BY intended DESC LIMIT -1 OFFSET ?
)
"""


@dataclass(frozen=True)
class Row:
    """One server start. Times are seconds since the epoch."""

    tag: str
    user: str
    name: str
    token: str | None
    choice: dict[str, Any]
    intended: float
    job: int | None
    port: int | None
    listening: float | None
    abandoned: float | None
    ended: float | None
    card: dict[str, Any] | None
    seen: float | None
    uid: int | None = None

    def owns(self, uid: int | None, user: str) -> bool:
        """Whether a job of this owner can be this server's. By number where both are known: while a name service is
        away, Slurm's programs have no names."""
        return uid == self.uid if uid is not None and self.uid is not None else user == self.user

    def job_in(self, snapshot: Snapshot) -> Job | None:
        """This start's job: by its number or, where that was never learnt, the youngest with its tag. Anybody can write
        a tag into a comment, so that only a job of its own user counts."""
        if self.job:
            found = [snapshot.jobs[self.job]] if self.job in snapshot.jobs else []
        else:
            found = snapshot.by_tag.get(self.tag, [])
        return max((job for job in found if self.owns(job.uid, job.user)), key=lambda job: job.id, default=None)


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

    The file is opened at the first of them: whoever only reads the hub's configuration, as `make apply` does to check
    it, leaves the file of the running hub alone.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path

    @cached_property
    def _db(self) -> sqlite3.Connection:
        opened = sqlite3.connect(self._path, isolation_level=None, factory=_Connection)
        opened.row_factory = sqlite3.Row
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA synchronous=FULL")
        opened.executescript(SCHEMA)
        return opened

    def intend(self, user: str, name: str, token: str | None, choice: dict[str, Any], uid: int | None = None) -> str:
        """Record that a job is about to be submitted; return its tag. Without the user's `uid`, names are compared."""
        tag = secrets.token_hex(8)
        self._db.execute("DELETE FROM servers WHERE ended < ?", (time.time() - KEEP,))
        self._db.execute(FORGET, (user, EACH))
        self._db.execute("DELETE FROM owners WHERE tag NOT IN (SELECT tag FROM servers)")
        self._db.execute("INSERT INTO owners (tag, uid) VALUES (?, ?)", (tag, uid))
        self._db.execute("DELETE FROM certificates WHERE tag NOT IN (SELECT tag FROM servers)")
        self._db.execute(
            "INSERT INTO servers (tag, user, name, token, choice, intended) VALUES (?, ?, ?, ?, ?, ?)",
            (tag, user, name, token, json.dumps(choice), time.time()),
        )
        return tag

    def certified(self, tag: str) -> None:
        """Record that this start was given a certificate: it is reached by TLS. (A table of its own, so that an older
        sitekit can read the ledger after a rollback.)"""
        self._db.execute("INSERT INTO certificates (tag) VALUES (?)", (tag,))

    def speaks_tls(self, tag: str) -> bool:
        return self._db.execute("SELECT 1 FROM certificates WHERE tag = ?", (tag,)).fetchone() is not None

    def submitted(self, tag: str, job: int) -> None:
        self._db.execute("UPDATE servers SET job = ? WHERE tag = ?", (job, tag))

    def listens(self, tag: str, port: int) -> bool:
        """Record the port, once. False when this server is not starting, or has told its port before."""
        changed = self._db.execute(
            "UPDATE servers SET port = ?, listening = ? "
            "WHERE tag = ? AND port IS NULL AND ended IS NULL AND abandoned IS NULL",
            (port, time.time(), tag),
        )
        return changed.rowcount == 1

    def abandon(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """Nobody waits for this server any more: its job, wherever it turns up, is to be cancelled. `card` says why,
        where it was not its user's wish."""
        self._db.execute(
            "UPDATE servers SET abandoned = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def end(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """The job is gone, by Slurm's own word. The first ending of a row stays, and so does its first card."""
        self._db.execute(
            "UPDATE servers SET ended = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def row(self, tag: str) -> Row | None:
        return self._one(f"{ROWS} WHERE tag = ?", tag)

    def by_token(self, token: str) -> Row | None:
        """The open server start to which an API token (its hash) was given."""
        return self._one(f"{ROWS} WHERE token = ? AND ended IS NULL", token)

    def open(self) -> list[Row]:
        """Every server start whose job may exist."""
        return [_row(found) for found in self._db.execute(f"{ROWS} WHERE ended IS NULL ORDER BY intended")]

    def rows_of(self, tags: Iterable[str]) -> list[Row]:
        """The server starts with these tags."""
        wanted, found = list(tags), []
        for at in range(0, len(wanted), 500):  # SQLite takes 999 values in a statement
            some = wanted[at : at + 500]
            found += self._db.execute(f"{ROWS} WHERE tag IN ({','.join('?' * len(some))})", some).fetchall()
        return [_row(row) for row in found]

    def without_tls(self) -> int:
        """How many servers may run that were started without a certificate, and know the hub by its http address."""
        counted = "SELECT count(*) FROM servers WHERE ended IS NULL AND tag NOT IN (SELECT tag FROM certificates)"
        return int(self._db.execute(counted).fetchone()[0])

    def closed_with_live_job(self, snapshot: Snapshot) -> list[Row]:
        """Servers that have ended by our own account while Slurm lists their job as alive."""
        rows = [row for row in self.rows_of(snapshot.by_tag) if row.ended and row.ended < snapshot.at]
        jobs = [(row, row.job_in(snapshot)) for row in rows]
        return [row for row, job in jobs if job and not job.ended]

    def tokens_of_the_ended(self, since: float) -> list[str]:
        """The hashes of the API tokens of servers that ended `since` then (seconds since the epoch)."""
        found = self._db.execute("SELECT token FROM servers WHERE ended > ? AND token IS NOT NULL", (since,))
        return [row["token"] for row in found]

    def last_card(self, user: str, name: str) -> dict[str, Any] | None:
        """The card of the user's last server of this name, until it was dismissed or a later one started."""
        found = self._one(f"{ROWS} WHERE user = ? AND name = ? ORDER BY intended DESC LIMIT 1", user, name)
        return found.card if found and found.seen is None else None

    def last_choice(self, user: str, name: str) -> dict[str, Any] | None:
        """What the user's last server of this name was."""
        found = self._one(
            "SELECT * FROM servers WHERE user = ? AND name = ? ORDER BY intended DESC LIMIT 1", user, name
        )
        return found.choice if found else None

    def dismiss(self, user: str, name: str) -> None:
        self._db.execute("UPDATE servers SET seen = ? WHERE user = ? AND name = ?", (time.time(), user, name))

    def _one(self, statement: str, *values: object) -> Row | None:
        found = self._db.execute(statement, values).fetchone()
        return _row(found) if found else None


def _row(found: sqlite3.Row) -> Row:
    return Row(
        **{**found, "choice": json.loads(found["choice"]), "card": json.loads(found["card"]) if found["card"] else None}
    )
