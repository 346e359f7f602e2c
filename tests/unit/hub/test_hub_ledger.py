"""The ledger: a row before the job, one port, one ending, and all of it there after a crash."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from slurm_parts import job

from sitekit.backends.refresh_snapshot import Snapshot
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.ledger.ledger_schema import NewerLedger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def start(ledger: Ledger, hashed: str = "hash-1") -> str:
    return ledger.record_intent("alice", "", hashed, {"tier": "small"})


def test_a_row_stands_before_the_job_has_a_number(ledger: Ledger, tmp_path: Path) -> None:
    tag = start(ledger)
    [row] = Ledger(tmp_path / "ledger.sqlite").open()  # another process, as after a crash
    assert (row.tag, row.user, row.job, row.choice) == (tag, "alice", None, {"tier": "small"})
    assert len(tag) == 16


def test_the_port_is_taken_once(ledger: Ledger) -> None:
    tag = start(ledger)
    assert ledger.record_port(tag, 20001)
    assert not ledger.record_port(tag, 20002)
    row = ledger.row(tag)
    assert row and row.port == 20001


@pytest.mark.parametrize("closing", [Ledger.abandon, Ledger.end])
def test_a_server_that_nobody_waits_for_tells_no_port(ledger: Ledger, closing) -> None:
    tag = start(ledger)
    closing(ledger, tag)
    assert not ledger.record_port(tag, 20001)


def test_the_first_ending_stays(ledger: Ledger) -> None:
    tag = start(ledger)
    ledger.end(tag, {"kind": "memory"})
    ledger.end(tag, {"kind": "crash"})
    assert ledger.last_card("alice", "")["kind"] == "memory"
    assert ledger.open() == []


def test_a_token_finds_its_open_server_only(ledger: Ledger) -> None:
    tag = start(ledger, "hash-7")
    assert ledger.by_token("hash-7").tag == tag
    assert ledger.by_token("hash-8") is None
    ledger.end(tag)
    assert ledger.by_token("hash-7") is None
    assert ledger.tokens_of_the_ended(time.time() - 60) == ["hash-7"]
    assert ledger.tokens_of_the_ended(time.time() + 60) == []


def test_a_card_is_kept_until_dismissed_or_a_later_start(ledger: Ledger) -> None:
    ledger.end(start(ledger), {"kind": "time"})
    assert ledger.last_card("alice", "")
    assert ledger.last_card("alice", "other") is None
    ledger.dismiss("alice", "")
    assert ledger.last_card("alice", "") is None
    ledger.end(start(ledger), {"kind": "node"})
    assert ledger.last_card("alice", "")["kind"] == "node"
    assert abs(ledger.last_card("alice", "")["at"] - time.time()) < 60, "when it has ended"
    start(ledger)
    assert ledger.last_card("alice", "") is None


def test_why_a_start_was_given_up_outlasts_how_its_job_ended(ledger: Ledger) -> None:
    tag = start(ledger)
    ledger.abandon(tag, {"kind": "outage"})
    ledger.abandon(tag)
    ledger.end(tag, {"kind": "cancelled"})
    assert ledger.last_card("alice", "")["kind"] == "outage"


def test_a_job_of_a_closed_row_is_seen_by_its_tag(ledger: Ledger) -> None:
    """sbatch may be heard after the start was given up, its number never learnt."""
    tag = start(ledger)
    ledger.end(tag)
    later = time.time() + 5
    assert [row.tag for row in ledger.closed_with_live_job(snapshot(tag, "RUNNING", later))] == [
        tag
    ]
    assert not ledger.closed_with_live_job(snapshot(tag, "COMPLETING", later))
    assert not ledger.closed_with_live_job(snapshot(tag, "RUNNING", later - 60)), (
        "a snapshot from before says nothing"
    )


def snapshot(tag: str, state: str, at: float) -> Snapshot:
    return Snapshot({"9": job(9, uid=None, tag=tag, state=state)}, 1.0, at)


def test_nothing_is_written_before_the_first_question(tmp_path: Path) -> None:
    """`make apply` reads the hub's configuration to check it, beside the hub that runs."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert list(tmp_path.iterdir()) == []
    assert ledger.open() == []
    assert (tmp_path / "ledger.sqlite").exists()


def test_starts_in_a_loop_fill_no_disk(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that fails leaves a card. Open rows stay, and so do other users' and the latest."""
    monkeypatch.setattr("sitekit.hub.ledger.ledger.EACH", 5)
    others, running = ledger.record_intent("bob", "", "hash-2", {}), start(ledger)
    ledger.end(others, {"kind": "crash"})
    for number in range(50):
        ledger.end(start(ledger), {"kind": "home", "lines": ["x" * 1000], "number": number})
    last = ledger.record_intent("alice", "two", "hash-3", {})
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM starts").fetchone() == (5 + 3,)
    assert {row.tag for row in ledger.open()} == {running, last}
    assert ledger.last_card("alice", "")["number"] == 49
    assert ledger.last_card("bob", "")["kind"] == "crash"


OLD = """
CREATE TABLE servers (
    tag TEXT PRIMARY KEY, user TEXT NOT NULL, name TEXT NOT NULL, token TEXT, choice TEXT NOT NULL,
    intended REAL NOT NULL, job INTEGER, port INTEGER, listening REAL, abandoned REAL, ended REAL, card TEXT, seen REAL
);
CREATE INDEX open_servers ON servers (ended) WHERE ended IS NULL;
CREATE INDEX users_servers ON servers (user, intended);
CREATE TABLE owners (tag TEXT PRIMARY KEY, uid INTEGER);
CREATE TABLE certificates (tag TEXT PRIMARY KEY);
INSERT INTO servers VALUES ('a', 'alice', '', 'hash', '{"tier": "small"}', 5.0, 77, 20001, 6.0, NULL, NULL, NULL, NULL);
INSERT INTO servers VALUES ('b', 'bob', 'two', NULL, '{}', 7.0, NULL, NULL, NULL, 8.0, 9.0, '{"kind": "time"}', NULL);
INSERT INTO owners VALUES ('a', 1001);
INSERT INTO certificates VALUES ('a');
"""
"""A ledger from before versions were counted, with a server that runs and one that has ended."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(OLD)
    return file


def test_an_older_ledger_keeps_its_servers(old: Path) -> None:
    for _ in range(2):  # the second time it is one of this version
        [row] = Ledger(old).open()
        assert (row.tag, row.user, row.account, row.backend, row.uid) == (
            "a",
            "alice",
            "alice",
            "slurm",
            1001,
        )
        assert (row.job, row.port, row.tls, row.choice) == ("77", 20001, True, {"tier": "small"})
        assert Ledger(old).last_card("bob", "two")["kind"] == "time"


def test_an_older_sitekit_does_not_take_a_newer_ledger_for_an_empty_one(old: Path) -> None:
    """What it does first, in these words. It found no servers, and would have given all of them up."""
    Ledger(old).open()
    with (
        closing(sqlite3.connect(old)) as database,
        pytest.raises(sqlite3.OperationalError, match="view"),
    ):
        database.executescript(
            "CREATE TABLE IF NOT EXISTS servers (tag TEXT PRIMARY KEY, ended REAL);"
            "CREATE INDEX IF NOT EXISTS open_servers ON servers (ended) WHERE ended IS NULL;"
        )


def test_a_ledger_of_a_newer_sitekit_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.open()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(NewerLedger, match="version 99"):
        Ledger(tmp_path / "ledger.sqlite").open()
