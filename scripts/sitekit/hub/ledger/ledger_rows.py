"""Define a row of the ledger (the hub's database of starts): one start of a server."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from ...backends.start_and_job_records import Work


@dataclass(frozen=True, kw_only=True)
class Row(Work):
    """One start of a server. Times are seconds since the epoch."""

    name: str
    backend: str
    token: str | None
    choice: dict[str, Any]
    tls: bool = False
    port: int | None = None
    listening: float | None = None
    abandoned: float | None = None
    ended: float | None = None
    card: dict[str, Any] | None = None
    seen: float | None = None


def row_of(record: sqlite3.Row | dict[str, Any]) -> Row:
    """Convert a record of the ledger to a Row."""
    columns = dict(record)
    columns["tls"] = bool(columns["tls"])
    columns["choice"] = json.loads(columns["choice"])
    columns["card"] = json.loads(columns["card"]) if columns["card"] else None
    return Row(**columns)
