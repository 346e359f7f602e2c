"""SQLite's databases, opened as the hub opens them, copied while it works, and never taken for
sound unread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from ...base.command import acting_as
from ...base.errors import Problem


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """To be written, too: what a killed hub left half done is undone by the first who opens it, or
    nobody can read it.

    Raises Problem for what SQLite finds wrong.
    """
    with (
        _told(database),
        closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection,
    ):
        yield connection


def refuse_damaged(database: Path) -> None:
    """Raises Problem."""
    with opened(database) as connection:
        _check(connection, database)


def copy(database: Path, to: Path, owner: tuple[int, int] | None = None) -> None:
    """Write it as one moment saw it to `to`, a new or empty file. Raises Problem when the copy is
    not sound.

    `owner` is the account (uid, gid) with whose rights it is read, where that may not write the
    copy.
    """
    with _told(database), closing(sqlite3.connect(to)) as made:
        # so that nothing has to be opened beside it meanwhile
        made.execute("PRAGMA journal_mode=OFF")
        with acting_as(*owner) if owner else nullcontext(), opened(database) as source:
            source.backup(made)
        # one file, whatever the original keeps beside it
        made.execute("PRAGMA journal_mode=DELETE")
        _check(made, database)


def _check(connection: sqlite3.Connection, database: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check").fetchone()
    if found != "ok":
        raise _damaged(database, found)


@contextmanager
def _told(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as fault:
        remedy = "see that it is the hub's, and that there is room on its disk"
        raise Problem(
            f"the database cannot be worked with: {fault}", str(database), remedy
        ) from None
    except sqlite3.DatabaseError as fault:
        raise _damaged(database, str(fault)) from None


def _damaged(database: Path, fault: str) -> Problem:
    return Problem(
        f"the database is damaged: {fault}",
        str(database),
        "make stop, and put an earlier backup back",
    )
