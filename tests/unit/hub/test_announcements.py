"""Announcements: what is refused, what the ledger keeps, who sees what when, and the log line."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sitekit.backends.slurm.maintenance_windows import read_windows
from sitekit.backends.start_and_job_records import Maintenance
from sitekit.base.errors import BadInput
from sitekit.hub.ledger import record_announcements
from sitekit.hub.ledger.check_announcement import PAGES, body_of, in_lab, read_announcement
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.pages.announcements_for_page import shown_on, text_of
from sitekit.hub.servers.log_operator_actions import log_actions
from sitekit.session.hub_connection.fetch_messages import LIMIT, read_messages, read_pages


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": "a\x1b[31m"}, "text"),
        ({"text": ["a"]}, "text"),
        ({"text": "a", "level": "loud"}, "level"),
        ({"text": "a", "pages": "home,cellar"}, "pages"),
        ({"text": "a", "pages": 3}, "pages"),
        ({"text": "a", "until": "yesterday"}, "until"),
        ({"text": "a", "until": "2001-01-01"}, "until"),
        ({"text": "a", "from": "2099-01-02", "until": "2099-01-01"}, "until"),
        ({"text": "a", "from": True}, "from"),
        ({"text": "a", "from": 1e30}, "from"),
        ({"text": "a", "dismiss": "no"}, "dismiss"),
        ({"text": "a", "user": "x\ny"}, "user"),
        ({"text": "a", "begins": 3}, "announcement"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(given: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_announcement(given)
    assert refused.value.where == where and refused.value.remedy


def test_a_text_becomes_one_line_and_a_time_is_local() -> None:
    one = read_announcement({"text": " a \n b ", "from": "2099-05-01T09:30", "pages": "lab,login"})
    assert one.text == "a b" and one.pages == ("login", "lab") and one.dismissible
    assert one.begins == datetime(2099, 5, 1, 9, 30).timestamp() and one.ends is None
    noon = datetime(2026, 12, 1, 12).timestamp()
    today = read_announcement({"text": "a", "until": "18:00"}, noon)
    assert today.ends == datetime(2026, 12, 1, 18).timestamp() and today.begins == noon


def test_each_is_seen_in_its_time_on_its_pages_by_its_user(ledger: Ledger) -> None:
    now = time.time()
    first = ledger.announce(read_announcement({"text": "all", "until": now + 100}, now), "root")
    ledger.announce(read_announcement({"text": "later", "from": now + 50}, now), "root")
    ledger.announce(read_announcement({"text": "form", "pages": ["form"]}, now), "root")
    ledger.announce(read_announcement({"text": "to bob", "user": "bob"}, now), "root")

    def seen(user: str, page: str, at: float) -> list[str]:
        return [one["text"] for one in ledger.announced(user, page, at)]

    assert seen("", "login", now) == ["all"], "somebody who is not logged in is no user"
    assert seen("bob", "home", now) == ["all", "to bob"]
    assert seen("alice", "form", now + 60) == ["all", "later", "form"]
    assert seen("alice", "lab", now + 101) == ["later"]
    week = record_announcements.MESSAGE_LASTS
    assert seen("bob", "lab", now + week + 1) == ["later"], "a message to one user ends by itself"
    assert ledger.end_announcement(first, "root") and not ledger.end_announcement(first, "root")
    assert not ledger.end_announcement(99, "root")
    assert seen("", "login", time.time()) == []


def test_they_are_bounded_and_no_number_comes_twice(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_announcements, "MOST", 2)
    monkeypatch.setattr(record_announcements, "KEPT", -1)
    numbers = [ledger.announce(read_announcement({"text": "a"}), "root") for _ in range(2)]
    with pytest.raises(BadInput, match="2 already"):
        ledger.announce(read_announcement({"text": "a"}), "root")
    ledger.announce(read_announcement({"text": "a", "user": "bob"}), "root")
    for number in numbers:
        ledger.end_announcement(number, "root")
    new = ledger.announce(read_announcement({"text": "a"}), "root")
    assert new == 4 and len(ledger.announcements()) == 2


def test_every_action_is_logged_once_in_one_line(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    number = ledger.announce(read_announcement({"text": 'say "\u00fc"'}), "eve\nroot (make)")
    ledger.end_announcement(number, "carol")
    with caplog.at_level(logging.INFO, "JupyterHub"):
        log_actions(Ledger(tmp_path / "ledger.sqlite"))
        log_actions(ledger)
    lines = [record.getMessage() for record in caplog.records]
    told = [json.loads(line.removeprefix("Operator action: ")) for line in lines]
    assert [(one["who"], one["action"]) for one in told] == [
        ("eve\nroot (make)", "announce"),
        ("carol", "announce_end"),
    ]
    assert all(line.isascii() and line.isprintable() for line in lines)


RESERVATION = (
    "ReservationName={name} StartTime={begin} EndTime={end} Duration=08:00:00 Nodes=n[1-4] NodeCnt=4 "
    "CoreCnt=8 Features=(null) PartitionName={partition} Flags={flags} TRES=cpu=8 Users=root "
    "Groups=(null) Accounts=(null) State=INACTIVE Comment=Flags=MAINT StartTime=1 {name}\n"
)


def reservation(**other: object) -> str:
    fields: dict[str, object] = {
        "name": "upgrade",
        "begin": 2000,
        "end": 3000,
        "partition": "(null)",
        "flags": "MAINT,SPEC_NODES",
    }
    return RESERVATION.format(**{**fields, **other})


def test_maintenance_windows_are_read_from_reservations() -> None:
    text = (
        reservation(begin=5000, end=6000, flags="MAINT,IGNORE_JOBS,SPEC_NODES,ALL_NODES")
        + reservation()
        + reservation(flags="DAILY")
        + reservation(partition="foreign")
        + reservation(partition="short", begin=1000)
        + reservation(begin="Unknown")
        + "No reservations in the system\n"
    )
    assert read_windows(text, frozenset({"short"})) == (
        Maintenance(1000, 3000, False),
        Maintenance(2000, 3000, False),
        Maintenance(5000, 6000, True),
    )
    assert len(read_windows(reservation() * 30, frozenset())) == 20


def test_a_window_is_a_sentence_on_form_and_waiting_page(ledger: Ledger) -> None:
    begin = datetime(2026, 12, 1, 9).timestamp()
    window = Maintenance(int(begin), int(begin) + 8 * 3600, True)
    assert text_of(window, begin - 60) == (
        "The cluster has maintenance on Tuesday, 1 December, 09:00 to 17:00: servers that would "
        "run there past 09:00 do not start before 17:00."
    )
    assert "is in maintenance: servers do not start there before" in text_of(window, begin)
    now = int(time.time())
    windows = [Maintenance(now + 600, now + 900, False), Maintenance(now - 9, now - 5, True)]
    backend = SimpleNamespace(maintenance=lambda: windows)
    state = cast(Any, SimpleNamespace(ledger=ledger, backends={"slurm": backend}))
    for page in PAGES:
        told = shown_on(state, "bob", page)
        assert len(told) == (page in ("form", "waiting")), page
        assert all(not one["dismissible"] and "A part of" in one["text"] for one in told)


def test_the_longest_answer_fits_into_what_a_server_reads(ledger: Ledger) -> None:
    """The widest characters, in all announcements that may be open, and twenty of a course."""
    text = "\U0001d538" * 500
    for user, most in (
        ("", record_announcements.MOST),
        ("alice", record_announcements.MOST_OF_USER),
    ):
        for _ in range(most):
            ledger.announce(read_announcement({"text": text, "user": user}), "root")
    shown = [in_lab(one) for one in ledger.announced("alice", "lab")]
    pages = {key: "x" * 300 for key in ("home", "change", "end", "larger", "texts")}
    body = body_of(shown + shown[:20], pages)
    assert read_pages(body) == pages
    assert len(shown) == 70 and len(body) < LIMIT
    assert [one["text"] for one in read_messages(body)] == [text] * 90
    older = body_of([{**one, "text": "\u00e4" * 500} for one in shown[:50]], {})
    assert len(older) < 64 * 1024, "what a server of an older release reads"
