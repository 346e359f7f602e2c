"""Open the ledger of a hub that may run, from another program, without converting its tables."""

from __future__ import annotations

import sqlite3
from functools import cached_property
from pathlib import Path

from .ledger import Ledger, connect
from .ledger_schema import refuse_other_form


class RunningLedger(Ledger):
    """Read the ledger of a running hub. If `writes` is true, also write the ledger.

    Raises NewerLedger or OlderLedger if another version of sitekit has created the ledger's tables.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        super().__init__(f"{path.as_uri()}?mode=rw")
        self._writes = writes
        refuse_other_form(self._db)

    @cached_property
    def _db(self) -> sqlite3.Connection:
        """Open the ledger's file for writing even if the program only reads: after a hub was
        killed, SQLite has to undo an unfinished transaction. Unless `writes` is true, SQLite
        refuses each change of the ledger.
        """
        opened = connect(self._path, uri=True)
        opened.execute("PRAGMA synchronous=FULL")
        opened.execute(f"PRAGMA query_only={'OFF' if self._writes else 'ON'}")
        return opened

    def close(self) -> None:
        """Close the ledger's file."""
        self._db.close()
