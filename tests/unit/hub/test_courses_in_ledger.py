"""The servers of a course and the messages of its instructors, as the ledger has them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sitekit.hub.ledger import course_servers_and_messages
from sitekit.hub.ledger.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def start(ledger: Ledger, user: str, course: str, name: str = "") -> str:
    return ledger.record_intent(user, name, None, {"tier": course or "small", "course": course})


def test_the_last_start_of_each_participant_and_of_this_course_alone(ledger: Ledger) -> None:
    begin = time.time() - 1
    first = start(ledger, "bob", "bio101")
    start(ledger, "bob", "")
    ledger.end(first)
    last = start(ledger, "bob", "bio101")
    alice = start(ledger, "alice", "bio101", "second")
    start(ledger, "carol", "chem")
    ledger.record_intent("dave", "", None, {"tier": "bio101"})  # of an older sitekit, or a tier
    rows = ledger.servers_of_course("bio101", begin)
    assert [(row.user, row.tag, row.name) for row in rows] == [
        ("alice", alice, "second"),
        ("bob", last, ""),
    ]
    ledger.end(alice)
    ledger.end(last)
    assert ledger.servers_of_course("bio101", time.time() + 1) == [], "ended before"


def test_messages_are_of_a_course_and_old_ones_go(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record_message("bio101", "carol", "one")
    ledger.record_message("chem", "carol", "two")
    ledger.record_message("bio101", "erin", "three")
    told = [(one["from"], one["text"]) for one in ledger.messages("bio101", 0)]
    assert told == [("erin", "three"), ("carol", "one")]
    assert ledger.messages("bio101", time.time() + 1) == []
    monkeypatch.setattr(course_servers_and_messages, "KEPT", -1)
    ledger.record_message("bio101", "carol", "four")
    assert [one["text"] for one in ledger.messages("bio101", 0)] == ["four"]
    assert ledger.messages("chem", 0) == []


def test_a_message_fits_into_a_notification_with_its_sender() -> None:
    for sender in ("carol", "c" * 64):
        assert len(f"{sender}: " + "x" * course_servers_and_messages.longest_text(sender)) == 140
