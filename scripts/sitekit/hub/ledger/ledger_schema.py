"""Define the tables of the ledger and their version, and convert the ledger of an older sitekit."""

from __future__ import annotations

import sqlite3
from contextlib import closing

VERSION = 1
"""The version of the tables. The ledger's file stores this number as SQLite's user_version. A
ledger with the version 0 comes from an old sitekit, which had no version numbers."""

TABLES = """
CREATE TABLE starts (
    tag       TEXT PRIMARY KEY,
    user      TEXT NOT NULL,
    name      TEXT NOT NULL,
    backend   TEXT NOT NULL,
    account   TEXT NOT NULL,
    uid       INTEGER,
    token     TEXT,
    choice    TEXT NOT NULL,
    intended  REAL NOT NULL,
    job       TEXT,
    tls       INTEGER NOT NULL DEFAULT 0,
    port      INTEGER,
    listening REAL,
    abandoned REAL,
    ended     REAL,
    card      TEXT,
    seen      REAL
);
CREATE INDEX open_starts ON starts (ended) WHERE ended IS NULL;
CREATE INDEX users_starts ON starts (user, intended);
"""

LOGINS = """
CREATE TABLE IF NOT EXISTS accounts (
    user    TEXT PRIMARY KEY,
    account TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS logins (
    user     TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    claims   TEXT NOT NULL,
    at       REAL NOT NULL
);
"""
"""The tables of logins at a provider.

An older sitekit that has no login at a provider creates ledgers of the same version without these
tables. If such a sitekit opens a newer ledger, it ignores these tables.
"""

TUNNELS = """
CREATE TABLE IF NOT EXISTS tunnels (
    tag  TEXT PRIMARY KEY,
    port INTEGER NOT NULL UNIQUE
);
"""
"""The ports of open tunnels on the hub's machine, for a site with tunnels.

An older sitekit that does not support tunnels ignores this table. Such a sitekit also refuses the
key slurm.ssh.tunnel. Therefore, such a sitekit never runs the hub of a site with tunnels.
"""

COURSES = """
CREATE TABLE IF NOT EXISTS messages (
    id     INTEGER PRIMARY KEY,
    course TEXT NOT NULL,
    sender TEXT NOT NULL,
    text   TEXT NOT NULL,
    at     REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS courses_starts
    ON starts (json_extract(choice, '$.course'), user, intended);
"""
"""The messages of instructors to all participants of a course, and an index for finding the servers
of a course.

An older sitekit that does not support courses ignores this table. SQLite keeps the index up to date
even if such a sitekit writes the ledger.
"""

OPERATOR = """
CREATE TABLE IF NOT EXISTS announcements (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    text        TEXT NOT NULL,
    level       TEXT NOT NULL,
    pages       TEXT NOT NULL,
    user        TEXT NOT NULL,
    dismissible INTEGER NOT NULL,
    begins      REAL NOT NULL,
    ends        REAL,
    sender      TEXT NOT NULL,
    at          REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS drains (
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    text   TEXT NOT NULL,
    sender TEXT NOT NULL,
    at     REAL NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS stops (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user    TEXT NOT NULL,
    text    TEXT NOT NULL,
    at      REAL NOT NULL,
    done    REAL,
    stopped INTEGER
);
CREATE TABLE IF NOT EXISTS actions (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     REAL NOT NULL,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    what   TEXT NOT NULL,
    logged REAL
);
"""
"""The announcements, drains and ordered stops of operators, and a record of all their actions.

An id is never used twice, because browsers store the ids of the announcements that a user has
closed. An older sitekit that does not use these tables ignores them.
"""

CHOICES = """
CREATE TABLE IF NOT EXISTS choices (
    user    TEXT NOT NULL,
    name    TEXT NOT NULL,
    options TEXT NOT NULL,
    at      REAL NOT NULL,
    PRIMARY KEY (user, name)
);
"""
"""The choices of the form that users have saved. An older sitekit that does not support saved
choices ignores this table."""

USAGE = """
CREATE TABLE IF NOT EXISTS idle (
    tag     TEXT PRIMARY KEY,
    seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS history (
    tag       TEXT PRIMARY KEY,
    user      TEXT NOT NULL,
    account   TEXT NOT NULL,
    uid       INTEGER,
    backend   TEXT NOT NULL,
    job       TEXT,
    tier      TEXT,
    memory    INTEGER,
    cap       INTEGER,
    cpus      INTEGER,
    gpus      INTEGER,
    intended  REAL NOT NULL,
    listening REAL,
    ended     REAL,
    kind      TEXT,
    idle      REAL
);
CREATE INDEX IF NOT EXISTS users_history ON history (user, intended);
CREATE INDEX IF NOT EXISTS intended_history ON history (intended);
CREATE VIEW IF NOT EXISTS usage AS
    SELECT starts.tag, user, account, uid, backend, job,
           json_extract(choice, '$.tier') AS tier,
           json_extract(choice, '$.memory') * COALESCE(json_extract(choice, '$.nodes'), 1) AS memory,
           json_extract(choice, '$.cap') * COALESCE(json_extract(choice, '$.nodes'), 1) AS cap,
           json_extract(choice, '$.cpus') * COALESCE(json_extract(choice, '$.tasks'), 1)
               * COALESCE(json_extract(choice, '$.nodes'), 1) AS cpus,
           json_extract(choice, '$.gpus') * COALESCE(json_extract(choice, '$.nodes'), 1) AS gpus,
           intended, listening, ended, json_extract(card, '$.kind') AS kind, idle.seconds AS idle
    FROM starts LEFT JOIN idle ON idle.tag = starts.tag
    UNION ALL SELECT * FROM history;
CREATE TRIGGER IF NOT EXISTS keep_history BEFORE DELETE ON starts BEGIN
    INSERT OR IGNORE INTO history SELECT * FROM usage WHERE tag = OLD.tag;
    DELETE FROM idle WHERE tag = OLD.tag;
END;
"""
"""The starts that `make report` counts, without cards and tokens, also those older than 90 days.

When a row is deleted from `starts`, SQLite copies the row to `history`, even if an older sitekit
deletes the row. `idle` contains the seconds without activity of the servers in `starts`.
"""

MEASURES = """
CREATE TABLE IF NOT EXISTS measures (
    tag       TEXT PRIMARY KEY,
    submitted REAL,
    began     REAL,
    ready     REAL,
    memory    INTEGER
);
CREATE INDEX IF NOT EXISTS measures_ready ON measures (ready);
CREATE INDEX IF NOT EXISTS starts_ended ON starts (ended);
CREATE TRIGGER IF NOT EXISTS forget_measures AFTER DELETE ON starts BEGIN
    DELETE FROM measures WHERE tag = OLD.tag;
END;
"""
"""The times at which the phases of each start ended, and the memory that the server uses.

An older sitekit that does not record these values ignores this table. SQLite maintains the indexes
and runs the trigger even if such a sitekit writes the ledger.
"""

FROM_0 = """
CREATE TABLE IF NOT EXISTS owners (tag TEXT PRIMARY KEY, uid INTEGER);
CREATE TABLE IF NOT EXISTS certificates (tag TEXT PRIMARY KEY);
INSERT INTO starts
    SELECT tag, user, name, 'slurm', user, uid, token, choice, intended, CAST(job AS TEXT),
           tag IN (SELECT tag FROM certificates), port, listening, abandoned, ended, card, seen
    FROM servers LEFT JOIN owners USING (tag);
DROP TABLE servers;
DROP TABLE owners;
DROP TABLE certificates;
"""

GUARD = "CREATE VIEW servers AS SELECT 'this ledger belongs to a newer sitekit' AS notice;"
"""A view because of which a sitekit without version numbers fails when it opens this ledger.

Such a sitekit creates an index on its table `servers` when it opens a ledger. Because an index on a
view is an error, the hub of such a sitekit does not start, and running servers are not ended.
Without this view, the old sitekit would find an empty ledger, and would treat every server as lost.
"""


class NewerLedger(Exception):
    """Report that a newer sitekit has written the ledger. In such a ledger, columns can have
    another meaning."""


class OlderLedger(Exception):
    """Report that the ledger lacks tables of this sitekit, because an older hub has written the
    ledger."""


def version_of(ledger: sqlite3.Connection) -> int:
    """Return the version of a ledger's tables."""
    return int(ledger.execute("PRAGMA user_version").fetchone()[0])


def refuse_other_form(ledger: sqlite3.Connection) -> None:
    """Raise OlderLedger if the ledger lacks tables of this sitekit, or NewerLedger if the ledger
    has a newer version. The ledger is not changed."""
    _refuse_newer(found := version_of(ledger))
    with closing(sqlite3.connect(":memory:")) as empty:
        bring_up_to_date(empty)
        missing = _tables_of(empty) - _tables_of(ledger)
    if found < VERSION or missing:
        raise OlderLedger(
            "the ledger is that of an older sitekit: the next start of this sitekit's hub converts it"
        )


def _tables_of(ledger: sqlite3.Connection) -> set[str]:
    """Return the names of a ledger's tables and views."""
    named = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    return {record[0] for record in ledger.execute(named)}


def _refuse_newer(found: int) -> None:
    """Raise NewerLedger if this sitekit cannot read a ledger of this version."""
    if found > VERSION:
        raise NewerLedger(
            f"the ledger has version {found}, and this sitekit can read versions up to {VERSION}: "
            "go back to the newer release (make rollback), or restore a backup from before it (make restore)"
        )


def bring_up_to_date(ledger: sqlite3.Connection) -> None:
    """Create the tables of an empty ledger, or convert the tables of an older sitekit. Because the
    whole change is one transaction, the ledger is unchanged if the hub dies during the change.
    Raises NewerLedger if a newer sitekit has written the ledger.
    """
    _refuse_newer(found := version_of(ledger))
    if found == VERSION:
        ledger.executescript(LOGINS + TUNNELS + COURSES + MEASURES + OPERATOR + CHOICES + USAGE)
        return
    has_servers = ledger.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'servers'"
    ).fetchone()
    steps = [
        TABLES,
        LOGINS,
        TUNNELS,
        COURSES,
        OPERATOR,
        CHOICES,
        MEASURES,
        FROM_0 if has_servers else "",
        USAGE,
        GUARD,
        f"PRAGMA user_version = {VERSION};",
    ]
    ledger.executescript("BEGIN IMMEDIATE;" + "".join(steps) + "COMMIT;")
