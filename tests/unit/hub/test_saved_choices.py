"""Choices that a user has saved: at most ten, with a name, and each user's own."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitekit.base.errors import BadInput
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.ledger.record_saved_choices import LONGEST, MOST, SavedChoice, created

OPTIONS = {"profile": "own", "memory": "4G"}


def test_a_choice_is_listed_replaced_and_deleted(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.save_choice("alice", "b'); DROP TABLE choices; --", OPTIONS)
    ledger.save_choice("alice", "a", {"profile": "small"})
    ledger.save_choice("alice", "a", OPTIONS)
    ledger.save_choice("bob", "a", {"profile": "large"})
    saved = [SavedChoice("a", OPTIONS), SavedChoice("b'); DROP TABLE choices; --", OPTIONS)]
    assert Ledger(tmp_path / "ledger").saved_choices("alice") == saved
    assert not ledger.delete_choice("alice", "c")
    assert ledger.delete_choice("alice", "a") and not ledger.delete_choice("alice", "a")
    assert ledger.saved_choices("bob") == [SavedChoice("a", {"profile": "large"})]


def test_a_user_has_at_most_ten() -> None:
    ledger = Ledger(":memory:")
    for number in range(MOST):
        ledger.save_choice("alice", f"number {number}", OPTIONS)
    with pytest.raises(BadInput, match="you have 10 saved choices already"):
        ledger.save_choice("alice", "one more", OPTIONS)
    ledger.save_choice("alice", "number 3", {"profile": "small"})
    ledger.save_choice("bob", "one more", OPTIONS)
    assert len(ledger.saved_choices("alice")) == MOST


def test_choices_of_a_former_user_with_the_same_name_are_not_shown() -> None:
    ledger = Ledger(":memory:")
    ledger.save_choice("alice", "old", OPTIONS)
    orm_user = SimpleNamespace(created=datetime.now(timezone.utc).replace(tzinfo=None))
    since = created(SimpleNamespace(orm_user=orm_user)) + 1
    assert abs(since - time.time()) < 60
    assert ledger.saved_choices("alice", since) == []
    with pytest.raises(BadInput):
        ledger.save_choice("alice", "", OPTIONS, since)
    assert len(ledger.saved_choices("alice")) == 1
    ledger.save_choice("alice", "new", OPTIONS, since)
    assert [one.name for one in ledger.saved_choices("alice")] == ["new"]


@pytest.mark.parametrize("name", ["", " ", "a ", "a\nb", "a\0", "\u202ea", "x" * (LONGEST + 1)])
def test_a_name_is_one_short_line(name: str) -> None:
    with pytest.raises(BadInput, match="1 to 50 characters"):
        Ledger(":memory:").save_choice("alice", name, OPTIONS)


def test_the_ledger_of_an_older_sitekit_gets_the_table(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger").saved_choices("alice")
    with closing(sqlite3.connect(tmp_path / "ledger")) as older:
        older.execute("DROP TABLE choices")
    Ledger(tmp_path / "ledger").save_choice("alice", "a", OPTIONS)
