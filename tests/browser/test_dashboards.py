"""The dashboards as pages, from a real Prometheus that has read some minutes of the demo: no panel is
empty."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from ..conftest import Demo
from ..packages import install
from ..person import Person
from ..prometheus import BOARDS, prometheus
from .conftest import Picture, go_to, new_window
from .draw_dashboard import page_of

SECONDS = 150
"""How long Prometheus reads the hub: rates are of one minute."""


@pytest.fixture
def api(demo: Demo, tmp_path: Path) -> Iterator[httpx.Client]:
    install("prometheus")
    with prometheus(demo.site, tmp_path) as client:
        yield client


@pytest.mark.soak
def test_each_panel_shows_values(
    browser: Browser,
    demo: Demo,
    api: httpx.Client,
    alice: Person,
    bob: Person,
    tmp_path: Path,
    picture: Picture,
) -> None:
    begin = time.time() + 2  # the first answers
    for person, tier in ((alice, "small"), (bob, "large")):
        time.sleep(10)
        assert person.start(tier)[-1].get("ready")
    while time.time() < begin + SECONDS:
        for person in (alice, bob):
            assert person.http.get("/hub/home").status_code == 200
        time.sleep(2)
    for board in BOARDS:
        file = tmp_path / f"{board.stem}.html"
        told = json.loads(board.read_text())
        file.write_text(page_of(told, api, begin, time.time()))
        with new_window(browser, viewport={"width": 1200, "height": 800}) as window:
            page = window.new_page()
            go_to(page, file.as_uri())
            expect(page.locator("section")).to_have_count(len(told["panels"]))
            expect(page.locator("polyline, .value").first).to_be_attached()
            expect(page.get_by_text("No data")).to_have_count(0)
            picture(page, board.stem.replace("sitekit-", "dashboard-"), 1200)
