"""Find the starts in the ledger whose jobs the reconciler still has to find or to cancel.

SQLite selects these starts, because the hub needs them every few seconds and should not read the
rows of all servers.
"""

from __future__ import annotations

import json
import sqlite3
from functools import cached_property

from ...backends.refresh_snapshot import Snapshot
from .ledger_rows import Row, row_of


class UnsettledInLedger:
    """Define those methods of the class Ledger that find unsettled starts. These methods use the database of
    Ledger."""

    @cached_property
    def _db(self) -> sqlite3.Connection:
        raise NotImplementedError

    def has_unsettled(self, backend: str) -> bool:
        """Return whether this backend has a start that has not ended, and that has no job or that
        the hub has given up."""
        found = self._db.execute(
            "SELECT 1 FROM starts WHERE ended IS NULL AND backend = ? "
            "AND (abandoned IS NOT NULL OR job IS NULL) LIMIT 1",
            (backend,),
        )
        return found.fetchone() is not None

    def closed_with_live_job(self, snapshot: Snapshot) -> list[Row]:
        """Return the starts that have ended in the ledger, but whose job has not ended in
        `snapshot`. The snapshot is newer than the recorded end."""
        statement = (
            "SELECT * FROM starts WHERE ended < ? AND tag IN (SELECT value FROM json_each(?))"
        )
        tags = json.dumps(list(snapshot.by_tag))
        rows = [row_of(record) for record in self._db.execute(statement, (snapshot.at, tags))]
        jobs = [(row, snapshot.job_of(row)) for row in rows]
        return [row for row, job in jobs if job and not job.ended]
