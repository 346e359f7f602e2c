"""Open, check and copy SQLite databases, even while the hub uses them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import acting_as


@contextmanager
def open_database(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading and writing. Raises Problem for an error of SQLite.

    A hub that was killed may leave an unfinished transaction. SQLite undoes an unfinished
    transaction when a program opens the database the next time. Therefore the caller must have
    write access to the database, even for a query.
    """
    with (
        _errors_as_problem(database),
        closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection,
    ):
        yield connection


def refuse_damaged(database: Path) -> None:
    """Raise Problem if a database is damaged."""
    with open_database(database) as connection:
        _check(connection, database)


def copy_database(database: Path, to: Path, owner: tuple[int, int] | None = None) -> None:
    """Copy a database to a new or empty file. The copy is consistent, even if the hub writes to the
    database at the same time. Raises Problem.

    If `owner` (uid, gid) is given, the database is read with the rights of this account. This
    account needs no write access to the copy.
    """
    with _errors_as_problem(database), closing(sqlite3.connect(to)) as made:
        # without a journal, SQLite creates no other file beside the copy
        made.execute("PRAGMA journal_mode=OFF")
        with acting_as(*owner) if owner else nullcontext(), open_database(database) as source:
            source.backup(made)
        # the copy is one file, even if the original has a WAL file
        made.execute("PRAGMA journal_mode=DELETE")
        _check(made, database)


def _check(connection: sqlite3.Connection, database: Path) -> None:
    """Check a database with SQLite's `PRAGMA quick_check`. Raises Problem if the database is
    damaged."""
    (found,) = connection.execute("PRAGMA quick_check").fetchone()
    if found != "ok":
        raise _damaged(database, found)


@contextmanager
def _errors_as_problem(database: Path) -> Iterator[None]:
    """Convert errors of SQLite to Problem."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        remedy = "check that the hub's account owns it, and that its disk is not full"
        raise Problem(f"the database cannot be used: {fault}", str(database), remedy) from None
    except sqlite3.DatabaseError as fault:
        raise _damaged(database, str(fault)) from None


def _damaged(database: Path, fault: str) -> Problem:
    """Return the error for a damaged database."""
    return Problem(
        f"the database is damaged: {fault}",
        str(database),
        "make stop, and restore an earlier backup",
    )
