"""SQLite's databases, opened as the hub opens them, copied while it works, and never taken for sound unread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import Problem


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """To be written, too: what a killed hub left half done is undone by the first who opens it, or nobody can read it.

    Raises Problem for what SQLite finds wrong.
    """
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as fault:
        raise _damaged(database, str(fault)) from None


def refuse_damaged(database: Path) -> None:
    """Raises Problem."""
    with opened(database) as connection:
        _check(connection, database)


def copy(database: Path, to: Path) -> None:
    """Write it as one moment saw it to `to`, a new or empty file. Raises Problem when the copy is not sound."""
    with opened(database) as source, closing(sqlite3.connect(to)) as made:
        source.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # one file, whatever the original keeps beside it
        _check(made, database)


def _check(connection: sqlite3.Connection, database: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check").fetchone()
    if found != "ok":
        raise _damaged(database, found)


def _damaged(database: Path, fault: str) -> Problem:
    return Problem(f"the database is damaged: {fault}", str(database), "make stop, and put an earlier backup back")
