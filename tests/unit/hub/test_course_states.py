"""Many instructors' pages cost the hub one reading of a course each second, and no lines of its
log."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.hub.courses import cache_course_state
from sitekit.hub.courses.cache_course_state import CourseStates
from sitekit.hub.ledger.course_servers_and_messages import SERVERS
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.overrides.keep_polls_out_of_log import log_polls_at_debug
from sitekit.hub.servers.shared_objects import HubState
from sitekit.site import load_site
from sitekit.site.courses.course_files import read_course

TEXT = """
title: Bioinformatics 101
starts: 2026-09-01
ends: 2026-09-30
tier: small
roster: {group: bio}
"""


def test_a_state_is_read_once_a_second_and_a_group_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bio101.yml").write_text(TEXT)
    site = load_site(data("config/sites/demo.yml"))
    course, hub_state = read_course(tmp_path / "bio101.yml", site), HubState(site)
    hub_state.ledger = Ledger(tmp_path / "ledger.sqlite")
    asked: list[str] = []
    monkeypatch.setattr(
        cache_course_state, "members_of", lambda group: asked.append(group) or ("alice",)
    )
    now = [100.0]
    states = CourseStates(lambda: now[0])

    def state() -> Any:
        return asyncio.run(states.state(hub_state, course))

    first = state()
    assert [one["name"] for one in first["participants"]] == ["alice"]
    assert state() is first
    now[0] += 1
    second = state()
    assert second is not first and asked == ["bio"]
    hub_state.ledger.record_message("bio101", "carol", "hello")
    assert state()["messages"] == []
    states.forget(course)
    assert [one["text"] for one in state()["messages"]] == ["hello"]
    course = read_course(tmp_path / "bio101.yml", site)
    assert state() is not second, "the course's file has changed"
    now[0] += 60
    state()
    assert asked == ["bio", "bio"]


def test_the_query_of_the_page_uses_an_index(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    plan = ledger._db.execute(f"EXPLAIN QUERY PLAN {SERVERS}", ("bio101", 0)).fetchall()
    assert "USING INDEX courses_starts (<expr>=?)" in plan[0]["detail"]


def test_polls_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    access = logging.getLogger("tornado.access")
    before = list(access.filters)
    polls = ("/hub/courses/bio101/state", "/jupyter/hub/api/sitekit/messages")
    polls += ("/hub/api/sitekit/course/messages", "/hub/api/sitekit/server?server=two")
    others = ("/hub/courses/bio101", "/hub/courses/bio101/state/x", "/hub/home?x=/state")
    try:
        log_polls_at_debug()
        # as JupyterHub does: the logger's level is debug, the handler's is the log level
        caplog.set_level(logging.DEBUG, "tornado.access")
        caplog.handler.setLevel(logging.INFO)
        for path in (*polls, *others):
            access.info(f"200 GET {path} (carol@127.0.0.1) 1.00ms")
        access.warning(f"404 GET {polls[0]} (bob@127.0.0.1) 1.00ms")
        assert [record.message.split()[2] for record in caplog.records] == [*others, polls[0]]
        caplog.handler.setLevel(logging.DEBUG)
        access.info(f"200 GET {polls[0]} (carol@127.0.0.1) 1.00ms")
        assert len(caplog.records) == len(others) + 2
    finally:
        access.filters = before
