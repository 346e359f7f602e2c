"""The administrators' page with the state of the site: for administrators alone, live, and escaped."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from sitekit.backends.refresh_snapshot import FAST

from ..conftest import Demo, logged_in
from ..person import Person
from .accessible import require_accessible
from .conftest import Picture, go_to, shoot, wait_until
from .test_first_hour import login

PAGE = "/hub/sitekit/status"


@pytest.fixture
def carol(demo: Demo) -> Iterator[Person]:
    with logged_in(demo, "carol") as person:
        yield person


def test_nobody_else_sees_the_page(demo: Demo, alice: Person) -> None:
    for path in (PAGE, f"{PAGE}/state"):
        assert alice.http.get(path).status_code == 404
    assert PAGE not in alice.http.get("/hub/home").text
    with demo.person("bob") as stranger:
        assert "/hub/login" in str(stranger.http.get(PAGE, follow_redirects=True).url)


def test_an_administrator_sees_servers_and_stops_one(
    page: Page, demo: Demo, alice: Person, bob: Person, carol: Person, picture: Picture
) -> None:
    assert alice.start("small")[-1].get("ready")
    login(page, demo, "carol")
    go_to(page, "/hub/home")
    page.get_by_role("link", name="Status").click()
    expect(page.locator("h1")).to_contain_text("Status of")
    row = page.locator('tr[data-user="alice"]')
    expect(row.locator(".state")).to_have_text("running")
    expect(row.locator(".node")).not_to_be_empty()
    expect(row.locator(".memory .bar")).to_be_visible()
    since = time.monotonic()
    before = carol.api("GET", "/sitekit/status").json()["queries"]
    for _ in range(20):
        assert carol.http.get(f"{PAGE}/state").status_code == 200
    after = carol.api("GET", "/sitekit/status").json()["queries"]
    of_loop = 2 + (time.monotonic() - since) // FAST
    assert after - before <= of_loop, "the loop's own queries, and none for a view"
    assert bob.start("large")[-1].get("ready")
    expect(page.locator("#counts")).to_have_text("2 running")
    for text in ("answered in", "Certificate front", "GB free", "work, "):
        expect(page.locator("#facts")).to_contain_text(text)
    shoot(page, "status")
    picture(page, "status", 1180)
    require_accessible(page, "status")

    page.on("dialog", lambda dialog: dialog.accept())
    stop = page.get_by_role("button", name="Stop the server of bob")
    # the page does not replace a row with the focus; a click beside it would be lost
    focused = "button => { button.focus(); return document.activeElement === button; }"
    wait_until(page, lambda: stop.evaluate(focused))
    stop.click()
    expect(page.locator('tr[data-user="bob"]')).to_have_count(0)
    expect(page.locator("#cards")).to_contain_text("An administrator of the hub stopped")
    expect(page.locator("#failed")).to_be_hidden()
