"""Record every start of a server, and its job, in a small SQLite file: the ledger.

The file is in the site's state directory, which only the hub uses. Because the hub writes a row to
the ledger before it submits the server's job, the ledger has a row for each job even if the hub
dies. The tag in the row is also in the job's comment. By this tag, a restarted hub finds the row.

The ledger contains no secrets: in place of a token, it contains JupyterHub's hash of the token. The
token's number in JupyterHub's database would not identify the token, because SQLite reuses numbers.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from .course_servers_and_messages import CoursesInLedger
from .ledger_measures import MeasuresInLedger
from .ledger_rows import Row, row_of
from .ledger_schema import bring_up_to_date
from .ledger_unsettled import UnsettledInLedger
from .record_drains import DrainsInLedger
from .record_saved_choices import ChoicesInLedger
from .starts_and_idle_time import UsageInLedger

__all__ = ["EACH", "KEEP", "Ledger", "LedgerTrouble", "Row"]

KEEP = 90 * 86400  # seconds for which the row of an ended start stays in the ledger
# The highest number of ended starts of one user that stay in the ledger. A program can start
# servers in a loop. If these servers fail at once, each of them leaves a row with a card.
EACH = 200

FORGET = """
DELETE FROM starts WHERE tag IN (
    SELECT tag FROM starts WHERE user = ? AND ended IS NOT NULL ORDER BY intended DESC LIMIT -1 OFFSET ?
)
"""
LAST = "SELECT * FROM starts WHERE user = ? AND name = ? ORDER BY intended DESC LIMIT 1"


class LedgerTrouble(Exception):
    """Report that SQLite could not read or write the ledger, for example because the disk is full
    or the file is locked."""

    jupyterhub_message: str  # JupyterHub shows this text; see overrides/show_database_errors.py
    jupyterhub_html_message: str


class _Connection(sqlite3.Connection):
    def execute(self, *words: Any) -> sqlite3.Cursor:
        """Execute an SQL statement. Raises LedgerTrouble."""
        try:
            return super().execute(*words)
        except sqlite3.OperationalError as error:
            raise LedgerTrouble(f"the ledger cannot be used: {error}") from error


def connect(database: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    """Open a database in which each statement is a transaction."""
    opened = sqlite3.connect(database, isolation_level=None, factory=_Connection, uri=uri)
    opened.row_factory = sqlite3.Row
    return opened


class Ledger(
    ChoicesInLedger,
    CoursesInLedger,
    MeasuresInLedger,
    DrainsInLedger,
    UnsettledInLedger,
    UsageInLedger,
):
    """Read and write the ledger: the SQLite file with one row for each start of a server.

    A write is on disk when the method returns. The ledger's file is opened at the first read or
    write. Therefore, a program that only reads the hub's configuration, such as `make apply`, does
    not touch the file of the running hub.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path

    @cached_property
    def _db(self) -> sqlite3.Connection:
        opened = connect(self._path)
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("PRAGMA synchronous=FULL")
        bring_up_to_date(opened)
        return opened

    def record_intent(
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
        """Record that a job is about to be submitted; return the tag (a random id) of this start.

        If `account` is not given, the account has the user's name. If the account's `uid` is not
        given, the hub compares owners of jobs by name.
        """
        tag = secrets.token_hex(8)
        self._db.execute("DELETE FROM starts WHERE ended < ?", (time.time() - KEEP,))
        self._db.execute(FORGET, (user, EACH))
        self.forget_history(user, time.time())
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

    def record_certificate(self, tag: str) -> None:
        """Record that this start has a certificate. Hub and proxy therefore connect to the server
        by TLS."""
        self._db.execute("UPDATE starts SET tls = 1 WHERE tag = ?", (tag,))

    def uses_tls(self, tag: str) -> bool:
        """Return whether hub and proxy connect to the server of this start by TLS."""
        row = self.row(tag)
        return row is not None and row.tls

    def record_job(self, tag: str, job: str) -> None:
        """Record the job's id, and that the job was submitted."""
        self._db.execute("UPDATE starts SET job = ? WHERE tag = ?", (job, tag))
        self.record_submitted(tag)

    def record_port(self, tag: str, port: int) -> bool:
        """Record the port of the server's tunnel; without a tunnel, record the reported `port`.

        Returns False if this start has ended, was abandoned, or has a port already.
        """
        changed = self._db.execute(
            "UPDATE starts SET listening = ?2, "
            "port = COALESCE((SELECT port FROM tunnels WHERE tunnels.tag = starts.tag), ?1) "
            "WHERE tag = ?3 AND port IS NULL AND ended IS NULL AND abandoned IS NULL",
            (port, time.time(), tag),
        )
        return changed.rowcount == 1

    def record_tunnel(self, tag: str, port: int) -> bool:
        """Record the port of a server's tunnel. Returns False if another server already has the
        port."""
        changed = self._db.execute("INSERT OR IGNORE INTO tunnels VALUES (?, ?)", (tag, port))
        return changed.rowcount == 1

    def open_tunnels(self) -> dict[str, int]:
        """Delete the tunnel ports of all ended starts. Return the tunnel ports of all other starts,
        by tag."""
        self._db.execute(
            "DELETE FROM tunnels WHERE tag NOT IN (SELECT tag FROM starts WHERE ended IS NULL)"
        )
        return dict(tuple(row) for row in self._db.execute("SELECT tag, port FROM tunnels"))

    def has_tunnel(self, tag: str) -> bool:
        """Return whether the hub reaches the server through a tunnel."""
        found = self._db.execute("SELECT 1 FROM tunnels WHERE tag = ?", (tag,))
        return found.fetchone() is not None

    def abandon(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """Record that this start failed or was stopped. The hub then cancels the start's job as
        soon as the scheduler lists the job. `card` contains the reason; `card` is None if the user
        stopped the server.
        """
        self._db.execute(
            "UPDATE starts SET abandoned = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def end(self, tag: str, card: dict[str, Any] | None = None) -> None:
        """Record the end of the start, because the backend has reported that the job has ended.

        If the row already has an end or a card, the old value is kept.
        """
        self._db.execute(
            "UPDATE starts SET ended = ?, card = COALESCE(card, ?) WHERE tag = ? AND ended IS NULL",
            (time.time(), json.dumps(card) if card else None, tag),
        )

    def row(self, tag: str) -> Row | None:
        """Return the row of the start with this tag (the id of a start); None if no row has it."""
        return self._one("SELECT * FROM starts WHERE tag = ?", tag)

    def by_token(self, token: str) -> Row | None:
        """Return the start with this token hash that has not ended; None if there is none."""
        return self._one("SELECT * FROM starts WHERE token = ? AND ended IS NULL", token)

    def open(self, backend: str | None = None) -> list[Row]:
        """Return the rows of all starts that have not ended, of one backend or of all backends."""
        records = self._db.execute(
            "SELECT * FROM starts WHERE ended IS NULL AND backend = COALESCE(?, backend) "
            "ORDER BY intended",
            (backend,),
        )
        return [row_of(record) for record in records]

    def rows_of(self, tags: Iterable[str]) -> list[Row]:
        """Return the rows of the starts with these tags (the ids of starts)."""
        statement = "SELECT * FROM starts WHERE tag IN (SELECT value FROM json_each(?))"
        records = self._db.execute(statement, (json.dumps(list(tags)),))
        return [row_of(record) for record in records]

    def without_tls(self) -> int:
        """Count the servers that may run without a certificate.

        Servers without a certificate use the hub's http URL.
        """
        counted = self._db.execute("SELECT count(*) FROM starts WHERE ended IS NULL AND NOT tls")
        return int(counted.fetchone()[0])

    def tokens_of_the_ended(self, since: float) -> list[str]:
        """Return the hashes of API tokens of servers that ended after `since` (epoch seconds)."""
        records = self._db.execute(
            "SELECT token FROM starts WHERE ended > ? AND token IS NOT NULL", (since,)
        )
        return [record["token"] for record in records]

    def last_card(self, user: str, name: str) -> dict[str, Any] | None:
        """Return the card (the text about the end) of the user's last server with this name, with
        the time `at` of the end.

        Returns None if no card exists, or if the user has closed it or started a later server.
        """
        row = self._one(LAST, user, name)
        if row is None or row.card is None or row.seen is not None:
            return None
        return {**row.card, "at": row.ended or row.abandoned}

    def last_start(self, user: str, name: str) -> Row | None:
        """Return the last start of the user's server of this name; None if there was no start."""
        return self._one(LAST, user, name)

    def last_choice(self, user: str, name: str) -> dict[str, Any] | None:
        """Return the choice of the user's last server of this name; None if there was no server."""
        row = self._one(LAST, user, name)
        return row.choice if row else None

    def dismiss(self, user: str, name: str) -> None:
        """Record that the user has read the card of the last server of this name."""
        self._db.execute(
            "UPDATE starts SET seen = ? WHERE user = ? AND name = ?", (time.time(), user, name)
        )

    def record_account(self, user: str, account: str) -> None:
        """Record the cluster account under which the user's servers run, as found at the user's
        last login."""
        self._db.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?)", (user, account))

    def forget_account(self, user: str) -> None:
        """Delete the recorded account of the user, because the last login found no account."""
        self._db.execute("DELETE FROM accounts WHERE user = ?", (user,))

    def account(self, user: str) -> str | None:
        """Return the account that the user's last login determined; None if there is none."""
        record = self._db.execute("SELECT account FROM accounts WHERE user = ?", (user,)).fetchone()
        return record["account"] if record else None

    def record_login(self, user: str, identity: str, claims: dict[str, Any]) -> None:
        """Record the user's identity at the provider, and the claims that the provider has just
        sent."""
        self._db.execute(
            "INSERT OR REPLACE INTO logins VALUES (?, ?, ?, ?)",
            (user, identity, json.dumps(claims), time.time()),
        )

    def login(self, user: str) -> tuple[str, dict[str, Any], float] | None:
        """Return the identity and the claims that record_login() has recorded, and the time of the
        record; None if there is no record."""
        record = self._db.execute("SELECT * FROM logins WHERE user = ?", (user,)).fetchone()
        return record and (record["identity"], json.loads(record["claims"]), record["at"])

    def forget_login(self, user: str) -> None:
        """Delete the user's recorded identity at the provider, and the user's recorded account."""
        self._db.execute("DELETE FROM logins WHERE user = ?", (user,))
        self.forget_account(user)

    def _one(self, statement: str, *values: object) -> Row | None:
        record = self._db.execute(statement, values).fetchone()
        return row_of(record) if record else None
