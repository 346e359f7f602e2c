"""The ledger: a row before the job, one port, one ending, and all of it there after a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.hub.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def start(ledger: Ledger, hashed: str = "hash-1") -> str:
    return ledger.intend("alice", "", hashed, {"tier": "small"})


def test_a_row_stands_before_the_job_has_a_number(ledger: Ledger, tmp_path: Path) -> None:
    tag = start(ledger)
    [row] = Ledger(tmp_path / "ledger.sqlite").open()  # another process, as after a crash
    assert (row.tag, row.user, row.job, row.choice) == (tag, "alice", None, {"tier": "small"})
    assert len(tag) == 16


def test_the_port_is_taken_once(ledger: Ledger) -> None:
    tag = start(ledger)
    assert ledger.listens(tag, 20001)
    assert not ledger.listens(tag, 20002)
    row = ledger.row(tag)
    assert row and row.port == 20001


@pytest.mark.parametrize("closing", [Ledger.abandon, Ledger.end])
def test_a_server_that_nobody_waits_for_tells_no_port(ledger: Ledger, closing) -> None:
    tag = start(ledger)
    closing(ledger, tag)
    assert not ledger.listens(tag, 20001)


def test_the_first_ending_stays(ledger: Ledger) -> None:
    tag = start(ledger)
    ledger.end(tag, {"kind": "memory"})
    ledger.end(tag, {"kind": "crash"})
    assert ledger.last_card("alice", "") == {"kind": "memory"}
    assert ledger.open() == []


def test_a_token_finds_its_open_server_only(ledger: Ledger) -> None:
    tag = start(ledger, "hash-7")
    assert ledger.by_token("hash-7").tag == tag
    assert ledger.by_token("hash-8") is None
    ledger.end(tag)
    assert ledger.by_token("hash-7") is None
    assert ledger.tokens_of_the_ended() == ["hash-7"]


def test_a_card_is_kept_until_dismissed_or_a_later_start(ledger: Ledger) -> None:
    ledger.end(start(ledger), {"kind": "time"})
    assert ledger.last_card("alice", "")
    assert ledger.last_card("alice", "other") is None
    ledger.dismiss("alice", "")
    assert ledger.last_card("alice", "") is None
    ledger.end(start(ledger), {"kind": "node"})
    assert ledger.last_card("alice", "") == {"kind": "node"}
    start(ledger)
    assert ledger.last_card("alice", "") is None
