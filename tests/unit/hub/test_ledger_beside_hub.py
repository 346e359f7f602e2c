"""The ledger of a running hub: other programs convert nothing, and readers write nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sitekit.hub.ledger.ledger import Ledger, LedgerTrouble
from sitekit.hub.ledger.ledger_schema import NewerLedger, OlderLedger
from sitekit.hub.ledger.open_ledger_beside_hub import RunningLedger
from sitekit.hub.ledger.starts_and_idle_time import FORGET


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a hub of this sitekit, which has one server."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).record_intent("alice", "", None, {"tier": "small"})
    return path


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute(statement)
        ledger.commit()


def form(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as ledger:
        return sorted(name for (name,) in ledger.execute("SELECT name FROM sqlite_master"))


def test_a_reader_cannot_change_the_ledger_and_a_writer_can(path: Path) -> None:
    with closing(RunningLedger(path, writes=False)) as ledger:
        assert ledger.last_start("alice", "") and ledger.announcements() == []
        with pytest.raises(LedgerTrouble, match="readonly"):
            ledger.order_stop("alice", "", "root")
    with closing(RunningLedger(path, writes=True)) as ledger:
        ledger.order_stop("alice", "", "root")
    assert [one["user"] for one in Ledger(path).open_stops()] == ["alice"]


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize(
    "older", ["DROP TABLE stops", "DROP VIEW usage", "PRAGMA user_version = 0"]
)
def test_the_ledger_of_an_older_hub_is_refused_and_stays_as_it_is(
    path: Path, older: str, writes: bool
) -> None:
    change(path, older)
    before = form(path)
    with pytest.raises(OlderLedger, match="the next start of this sitekit's hub converts it"):
        RunningLedger(path, writes=writes)
    assert form(path) == before
    assert "servers" in before, "what keeps a sitekit without version numbers out"


def test_the_ledger_of_a_newer_hub_is_refused(path: Path) -> None:
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(NewerLedger, match="version 99"):
        RunningLedger(path, writes=False)


def test_an_index_that_is_missing_is_no_reason_to_refuse(path: Path) -> None:
    change(path, "DROP INDEX intended_history")
    RunningLedger(path, writes=False).close()


def test_a_start_forgets_history_without_reading_all_of_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as ledger:
        plan = ledger.execute(f"EXPLAIN QUERY PLAN {FORGET}", (0, "alice", 9)).fetchall()
    steps = [step for *_, step in plan]
    assert not any(step.startswith("SCAN") for step in steps), steps
    assert any("intended_history" in step for step in steps)
