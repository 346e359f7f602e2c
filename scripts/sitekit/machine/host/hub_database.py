"""Give SQLite files and PostgreSQL servers the same interface, for commands that use the hub's
database."""

from __future__ import annotations

import pwd
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ...base.errors import Problem
from ...base.run_program import acting_as
from ...contracts.database_url import database_in_words, postgresql, restored_copy
from ...site import Site
from . import postgresql as server
from . import sqlite

REVISION = "SELECT version_num FROM alembic_version"
_TABLES = "SELECT name FROM sqlite_master WHERE name = 'users'"


class HubDatabase(Protocol):
    """Define the operations that commands need on the hub's database. Each method raises Problem if
    the database cannot be used."""

    ending: str
    """The suffix of the names of copies of the database: `.sqlite` or `.sql`."""

    def exists(self) -> bool:
        """Return whether the database exists. An existing SQLite database may have no tables
        yet."""

    def has_tables(self) -> bool:
        """Return whether the hub has already created its tables. The hub creates them at its first
        start."""

    def refuse_unusable(self) -> None:
        """Raise Problem if the hub could not read and write the database, or if the database is
        damaged."""

    def rows(self, query: str) -> list[str]:
        """Run an SQL query, and return the first column of the resulting rows."""

    def copy(self, to: Path) -> None:
        """Copy the database to an empty file that the hub's account owns. The hub can keep running."""

    def replace(self, copy: Path) -> None:
        """Replace the database by a copy of an earlier state. The hub must be stopped."""


def hub_database(site: Site) -> HubDatabase:
    """Return the hub's database."""
    return PostgreSqlDatabase(site) if postgresql(site) else SqliteDatabase(site)


def as_the_hub(site: Site) -> AbstractContextManager[None]:
    """Run the `with` block with the rights of the hub's account. Therefore the hub's account owns
    each file that the block creates.
    """
    hub = pwd.getpwnam(site.hub.user)
    return acting_as(hub.pw_uid, hub.pw_gid)


class SqliteDatabase:
    """The SQLite file in the state folder."""

    ending = ".sqlite"

    def __init__(self, site: Site) -> None:
        self._site = site

    def exists(self) -> bool:
        return self._site.database.exists()

    def has_tables(self) -> bool:
        return self.exists() and bool(self.rows(_TABLES))

    def refuse_unusable(self) -> None:
        with as_the_hub(self._site):
            sqlite.refuse_damaged(self._site.database)

    def rows(self, query: str) -> list[str]:
        with as_the_hub(self._site), sqlite.open_database(self._site.database) as connection:
            return [str(row[0]) for row in connection.execute(query)]

    def copy(self, to: Path) -> None:
        with as_the_hub(self._site):
            sqlite.copy_database(self._site.database, to)

    def replace(self, copy: Path) -> None:
        database = self._site.database
        draft = database.with_name(".restored.sqlite")
        with as_the_hub(self._site):
            draft.unlink(missing_ok=True)
            draft.touch(0o600)
            shutil.copyfile(copy, draft)
            for rest in ("-wal", "-shm", "-journal"):
                database.with_name(database.name + rest).unlink(missing_ok=True)
            draft.replace(database)


class PostgreSqlDatabase:
    """The database on a PostgreSQL server."""

    ending = ".sql"

    def __init__(self, site: Site) -> None:
        self._site = site

    def exists(self) -> bool:
        return "users" in server.tables(self._site)

    def has_tables(self) -> bool:
        return self.exists()

    def refuse_unusable(self) -> None:
        server.refuse_unusable(self._site)

    def rows(self, query: str) -> list[str]:
        return server.query(self._site, query)

    def copy(self, to: Path) -> None:
        server.copy(self._site, to)

    def replace(self, copy: Path) -> None:
        server.replace(self._site, copy)

    def load_restored(self) -> Path | None:
        """Load the copy that `make restore` has put into the state folder, and move the copy to the
        backups. Return the new path of the copy; None if there is no such copy.

        The database must be empty, because a restore overwrites nothing.
        """
        waiting = restored_copy(self._site)
        with as_the_hub(self._site):
            if not waiting.exists():
                return None
        if server.tables(self._site):
            what = f"{database_in_words(self._site)} is not empty, and restore overwrites nothing"
            remedy = "empty it (dropdb, createdb --owner=ROLE), or move the file away to keep it"
            raise Problem(what, str(waiting), remedy)
        server.replace(self._site, waiting)
        loaded = self._site.paths.state / "backups" / f"restored-{waiting.name}"
        with as_the_hub(self._site):
            loaded.parent.mkdir(mode=0o700, exist_ok=True)
            waiting.replace(loaded)
        return loaded
