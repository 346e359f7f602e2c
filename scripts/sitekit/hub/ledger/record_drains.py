"""Record in the ledger which nodes and partitions are drained, and orders to stop users' servers.

`make drain`, similar targets and the REST API write these records. The hub reads the records, also
after a restart.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from ...base.errors import BadInput
from .drained_places import MOST, Drains
from .ledger_rows import Row, row_of
from .record_announcements import OperatorInLedger

KEPT = 30 * 86400  # seconds for which an executed order stays in the ledger
LASTS = 3600  # seconds after which an order that the hub has not executed ends without any effect


def drained_places(ledger: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the nodes and partitions that are drained now, from the database of the ledger."""
    keys = ("kind", "name", "text", "sender", "at")
    found = ledger.execute(f"SELECT {', '.join(keys)} FROM drains ORDER BY kind, name")  # noqa: S608
    return [dict(zip(keys, record, strict=True)) for record in found]


class DrainsInLedger(OperatorInLedger):
    """Define those methods of the class Ledger that are about drained nodes and ordered stops."""

    def drain(self, kind: str, name: str, text: str, sender: str) -> None:
        """Record that a node or a partition is drained. Raises BadInput if too many nodes and
        partitions are drained."""
        with self._transaction():
            if self._db.execute("SELECT count(*) FROM drains").fetchone()[0] >= MOST:
                raise BadInput(f"{MOST} are drained already", "drain", "make undrain ends one")
            self._db.execute(
                "INSERT OR REPLACE INTO drains VALUES (?, ?, ?, ?, ?)",
                (kind, name, text, sender, time.time()),
            )
            self._note(sender, "drain", {kind: name, "text": text})

    def undrain(self, kind: str, name: str, sender: str) -> bool:
        """Record that a node or partition is no longer drained. Returns False if the node or
        partition was not drained."""
        with self._transaction():
            changed = self._db.execute(
                "DELETE FROM drains WHERE kind = ? AND name = ?", (kind, name)
            )
            if changed.rowcount:
                self._note(sender, "undrain", {kind: name})
        return changed.rowcount == 1

    def drained(self) -> list[dict[str, Any]]:
        """Return a dict for each node and partition that is drained now, with the text, the sender
        and the time."""
        return drained_places(self._db)

    def drains(self) -> Drains:
        """Return the nodes and partitions that are drained now."""
        found = self.drained()
        partitions, nodes = (
            {record["name"]: record["text"] for record in found if record["kind"] == kind}
            for kind in ("partition", "node")
        )
        return Drains(partitions, nodes)

    def order_stop(self, user: str, text: str, sender: str) -> int:
        """Record an order to stop all servers of a user, and return the number of the order."""
        now = time.time()
        with self._transaction():
            self._db.execute("DELETE FROM stops WHERE done < ?", (now - KEPT,))
            made = self._db.execute(
                "INSERT INTO stops (user, text, at) VALUES (?, ?, ?)", (user, text, now)
            )
            number = int(made.lastrowid or 0)
            self._note(sender, "stop_servers", {"user": user, "text": text})
        return number

    def open_stops(self) -> list[dict[str, Any]]:
        """Return the orders that the hub has not yet executed, and end orders that are too old."""
        oldest = time.time() - LASTS
        records = self._db.execute("SELECT * FROM stops WHERE done IS NULL ORDER BY id")
        found = [dict(record) for record in records]
        for order in found:
            if order["at"] < oldest:
                self.stop_done(order["id"], 0)
        return [order for order in found if order["at"] >= oldest]

    def to_stop(self, order: Mapping[str, Any]) -> list[Row]:
        """Return the starts that an order is about: the user's starts that began before the order,
        and that have neither ended nor been stopped."""
        found = self._db.execute(
            "SELECT * FROM starts WHERE user = ? AND intended <= ? AND ended IS NULL "
            "AND abandoned IS NULL ORDER BY intended",
            (order["user"], order["at"]),
        )
        return [row_of(record) for record in found]

    def withdraw_stop(self, number: int) -> bool:
        """Delete an order. Returns False if the hub has already executed the order."""
        deleted = self._db.execute("DELETE FROM stops WHERE id = ? AND done IS NULL", (number,))
        return deleted.rowcount == 1

    def stop_done(self, number: int, stopped: int) -> None:
        """Record that an order was executed, and how many servers were stopped."""
        self._db.execute(
            "UPDATE stops SET done = ?, stopped = ? WHERE id = ?", (time.time(), stopped, number)
        )

    def stopped_by(self, number: int) -> int | None:
        """Return how many servers an order has stopped; None if the order was not executed yet."""
        found = self._db.execute("SELECT stopped FROM stops WHERE id = ?", (number,)).fetchone()
        return found["stopped"] if found else None
