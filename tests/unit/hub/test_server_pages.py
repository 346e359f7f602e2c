"""What home page, waiting page and the page of a stopped server show of a server."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from page_parts import Hub

from sitekit.hub.choices.form_values import FormValues
from sitekit.hub.messages.form import Visit, template
from sitekit.hub.messages.format_times import format_clock_time

HOME = {"allow_named_servers": True, "named_server_limit_per_user": 2, "invalid_server_names": []}


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def home(hub: Hub, **more: object) -> str:
    return hub.page("home.html", **{**HOME, **more})


def test_home_offers_the_first_start(hub: Hub) -> None:
    page = home(hub)
    assert "Start my server" in page and 'id="start"' in page and 'href="/hub/spawn/alice"' in page
    assert 'id="stop"' not in page and "Start again" not in page


def test_home_shows_a_running_server_with_its_ends_and_buttons(hub: Hub) -> None:
    tag = hub.run("small")
    hub.ledger.record_memory(tag, 750)
    page = home(hub)
    assert 'data-state="running"' in page and "750 MB of 1.5 GB" in page and "n1" in page
    assert re.search(r"1 hour 5\d minutes", page) and "stopped at" in page
    assert 'href="/user/alice/"' in page and 'id="stop"' in page
    assert 'href="/hub/sitekit/log?server="' in page
    assert "Start the next one now" not in page


@pytest.mark.parametrize(("limit", "offered"), [(2, True), (0, True), (1, False)])
def test_the_next_server_is_offered_when_most_of_the_time_is_over(
    hub: Hub, limit: int, offered: bool
) -> None:
    hub.run("small", left=600)
    hub.start("small", "next")
    hub.spawner.pending = None
    page = home(hub, named_server_limit_per_user=limit)
    assert ('action="/hub/spawn/alice/next-2"' in page) == offered
    assert ("new-server-btn" in page) == offered


def test_home_shows_the_card_and_starts_the_same_or_more_again(hub: Hub) -> None:
    hub.fail(hub.run("small"), larger="large", what="Out of <b>memory</b>.")
    page = home(hub)
    assert "Out of &lt;b&gt;memory" in page and "ended: <time" in page
    forms = re.findall(r'<form method="post" action="([^"]*)".*?</form>', page, re.S)
    assert forms == ["/hub/spawn/alice", "/hub/spawn/alice"]
    assert page.count('name="_xsrf" value="token-of-the-form"') == 2
    assert '<input type="hidden" name="tier" value="small">' in page
    assert '<input type="hidden" name="tier" value="large">' in page


def test_a_named_server_is_started_again_stopped_and_deleted_by_its_name(hub: Hub) -> None:
    hub.fail(hub.start("small", "two"))
    page = home(hub)
    assert 'data-server-name="two"' in page and "delete-server" in page
    assert 'action="/hub/spawn/alice/two"' in page and 'data-server="two"' in page


def test_the_waiting_page_shows_the_request_its_phase_and_its_end(hub: Hub) -> None:
    hub.start("small")
    words = {"spawner": SimpleNamespace(user=hub.user, name=""), "progress_url": "/p?_xsrf=1"}
    page = hub.page("spawn_pending.html", **words)
    assert "1.5 GB of memory, 300 MB of it guaranteed" in page and "the request ends" in page
    assert 'aria-live="polite">Job 12 waits in jupyter-short. The nodes are full.' in page
    assert 'showPhase("queue")' in page and 'new EventSource("/p?_xsrf=1")' in page
    for button in ("stop-server-btn", "sitekit-change", "sitekit-notify"):
        assert f'id="{button}"' in page


def test_the_waiting_page_of_somebody_else_shows_nothing_of_the_request(hub: Hub) -> None:
    hub.start("small")
    other = SimpleNamespace(name="bob", escaped_name="bob")
    words = {"spawner": SimpleNamespace(user=other, name="two"), "progress_url": "/p"}
    page = hub.page("spawn_pending.html", **words)
    assert "two is starting" in page and "memory" not in page and '"bob", name = "two"' in page


def test_the_page_of_a_stopped_server_shows_the_card_in_place_of_jupyterhubs_text(
    hub: Hub,
) -> None:
    words = {"server_name": "", "spawn_url": "/hub/spawn/alice?next=/user/alice/lab"}
    assert "upstream" in hub.page("not_running.html", **words)
    hub.fail(hub.run("small"))
    page = hub.page("not_running.html", **words)
    assert "It ran out of memory." in page and "upstream" not in page
    assert 'action="/hub/spawn/alice?next=/user/alice/lab"' in page
    other = SimpleNamespace(name="bob")
    assert "ran out" not in hub.page("not_running.html", **{**words, "user": other})


def test_the_form_shows_the_card_without_a_form_inside(hub: Hub) -> None:
    hub.fail(hub.run("small"), larger="large", lines=["ok", "Error: x"], matter=["Error: x"])
    card = hub.ledger.last_card("alice", "")
    words = {"typed": FormValues(), "visit": Visit("alice"), "sitekit_clock": format_clock_time}
    page = template().render(card=card, **words)
    assert "It ran out of memory. " in page.replace("</strong>", "") and "ended: <time" in page
    assert 'href="?tier=large"' in page
    shown = page[page.index("sitekit-card") : page.index("sitekit-support")]
    assert "<form" not in shown and "Copy for support" in page
    shown = page[page.index("<details") : page.index("</details>")]
    assert "Error: x" in shown and "ok" not in shown


def test_the_log_is_escaped(hub: Hub) -> None:
    page = hub.page("log.html", server_name="", job="12", lines=["<script>alert(1)</script>"])
    assert "&lt;script&gt;alert(1)" in page
    assert "cannot be read" in hub.page("log.html", server_name="", job="12", lines=[])
