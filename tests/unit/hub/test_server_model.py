"""How one server is described for all pages: its state, its ends, its memory and its card."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from page_parts import SITE, Hub

from sitekit.backends.start_and_job_records import Wait
from sitekit.hub.messages.describe_server import describe_all, form_values
from sitekit.hub.messages.find_reason_in_log import lines_that_matter
from sitekit.hub.messages.format_times import format_clock_time, format_duration
from sitekit.hub.servers.activity_interval_and_stop_delay import stop_delay


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def test_a_server_that_was_never_started(hub: Hub) -> None:
    server = hub.server()
    assert (server.state, server.active, server.card, server.options) == ("none", False, None, {})


def test_a_start_that_is_not_yet_recorded_is_already_shown(hub: Hub) -> None:
    hub.spawner.pending, hub.spawner.active = "spawn", True
    assert (hub.server().state, hub.server().phase) == ("waiting", "check")


def test_a_waiting_server_says_why_and_until_when(hub: Hub) -> None:
    start = int(time.time()) + 600
    hub.waits = Wait("The nodes are full.", "jupyter-short", 3, start)
    hub.start("small")
    server = hub.server()
    assert (server.state, server.phase, server.ahead, server.start) == (
        "waiting",
        "queue",
        3,
        start,
    )
    assert "The nodes are full. 3 jobs are ahead of it." in server.message
    assert server.sizes == "1.5 GB of memory, 300 MB of it guaranteed, 1 CPU, 4 hours"
    patience = SITE.tier("small").start_timeout
    assert server.request_ends == pytest.approx(time.time() + patience, abs=300)


def test_a_running_server_has_its_ends_and_its_memory(hub: Hub) -> None:
    tag = hub.run("small", left=7200)
    hub.ledger.record_memory(tag, 750)
    hub.used_at(time.time() - 600)
    server = hub.server()
    assert (server.state, server.node, server.job, server.tier) == ("running", "n1", "12", "small")
    assert server.left == pytest.approx(7200, abs=300)
    assert (server.memory_text, server.memory_share) == ("750 MB of 1.5 GB", 50)
    # the server came up later than the last activity that JupyterHub has seen
    assert server.idle_end == pytest.approx(time.time() + 3600 + stop_delay(3600), abs=300)
    hub.used_at(time.time() + 60)
    assert server.next_end == (server.idle_end, "idle")
    assert hub.server().idle_end > server.idle_end + 30
    assert not server.nearly_over


def test_a_server_without_an_idle_limit_and_with_little_time(hub: Hub) -> None:
    hub.run("long", left=3600)
    server = hub.server()
    assert server.idle_end is None and server.next_end == (server.ends, "time")
    assert server.nearly_over and server.used is None and server.memory_text == "up to 1.5 GB"


def test_the_limit_that_slurm_has_set_is_the_end_and_else_the_tiers(hub: Hub) -> None:
    tag = hub.run("small", left=600)
    assert hub.server().left == pytest.approx(600, abs=300)
    hub.jobs[tag] = replace(hub.jobs[tag], end=None)
    assert hub.server().left == pytest.approx(4 * 3600 - 60, abs=300)


@pytest.mark.parametrize(("pending", "state"), [("stop", "stopping"), (None, "running")])
def test_a_stop_is_shown_before_it_is_recorded(hub: Hub, pending: str | None, state: str) -> None:
    hub.run()
    hub.spawner.pending = pending
    assert hub.server().state == state


def test_a_server_that_listens_but_is_not_open_is_starting(hub: Hub) -> None:
    hub.run()
    hub.spawner.pending = "spawn"
    assert (hub.server().state, hub.server().phase) == ("starting", "open")


def test_an_ended_server_has_its_card_and_what_to_start_again(hub: Hub) -> None:
    hub.fail(hub.run("large"))
    server = hub.server()
    assert (server.state, server.active, server.tier_title) == ("ended", False, "Large")
    assert server.card["kind"] == "memory" and server.card["at"] == server.since
    assert server.options == {"tier": "large"}
    hub.ledger.dismiss("alice", "")
    assert hub.server().card is None


def test_a_start_that_was_given_up_while_slurm_is_silent_shows_its_card(hub: Hub) -> None:
    tag = hub.start()
    hub.ledger.abandon(tag, {"kind": "outage", "what": "Silent.", "remedy": "Wait."})
    assert hub.server().state == "stopping"
    hub.spawner.active, hub.spawner.pending = False, None
    assert (hub.server().state, hub.server().card["kind"]) == ("ended", "outage")


def test_named_servers_come_after_the_default_one(hub: Hub) -> None:
    hub.start("small", "two")
    hub.start("small", "a-third")
    assert [server.name for server in describe_all(hub, hub.user)] == ["", "a-third", "two"]
    hub.user.allow_named_servers = False
    assert [server.name for server in describe_all(hub, hub.user)] == [""]


def test_the_rest_answer_is_json_and_has_no_object(hub: Hub) -> None:
    hub.starts = {"large": int(time.time())}
    hub.start("small")
    told = json.loads(json.dumps(hub.server().as_dict()))
    assert told["state"] == "waiting" and told["faster"][0]["key"] == "large"


def test_only_tiers_that_start_well_before_are_named_the_large_ones_first(hub: Hub) -> None:
    soon = int(time.time()) + 60
    hub.starts = {"small": soon, "long": soon, "own": soon + 10, "large": soon + 7200}
    hub.waits = Wait("Full.", "jupyter-short", None, soon + 7200)
    hub.start("large")
    told = hub.server()
    assert [tier["key"] for tier in told.faster] == ["small", "long", "own"]
    assert told.faster[0]["less"] == "1.5 GB of memory instead of 5 GB, 1 CPU instead of 2"
    assert "would start sooner" not in told.message, "none of them is as large"
    hub.spawner.offered = frozenset({"long"})
    assert [tier["key"] for tier in hub.server().faster] == ["long"]
    hub.waits = replace(hub.waits, limited=True)
    assert hub.server().faster == ()


def test_a_tier_that_is_as_large_is_advised_in_the_sentences(hub: Hub) -> None:
    hub.starts = {"large": int(time.time())}
    hub.start("small")
    assert 'The tier "Large" would start sooner.' in hub.server().message


def test_the_values_of_the_form_have_the_names_of_its_fields() -> None:
    stored = {"profile": "own", "memory": "2G", "cpus": "2"}
    assert form_values(stored) == {"tier": "own", "own.memory": "2G", "own.cpus": "2"}
    assert form_values({}) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12000, "3 hours 20 minutes"),
        (86400 * 2 + 3600, "2 days 1 hour"),
        (59, "less than a minute"),
        (-5, "less than a minute"),
        (3600, "1 hour"),
    ],
)
def test_lengths_of_time(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_time_is_markup_that_a_browser_can_read() -> None:
    assert str(format_clock_time(1790000000)).startswith(
        '<time class="sitekit-time" datetime="2026-09-'
    )


def test_the_lines_that_matter_are_those_of_the_error_or_the_last() -> None:
    log = [
        "[I] Serving notebooks",
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ValueError: no",
        "[I] bye",
    ]
    assert lines_that_matter(log) == log[1:4]
    assert lines_that_matter(["a", "b", "c", "d", "e", "f"]) == ["b", "c", "d", "e", "f"]
