"""A server's whole life on the hub's own pages: the request that waits, the running server on the home
page, its end with a card on each page, and the start of the same server again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, until
from .conftest import shoot
from .test_first_hour import login

NARROW = {"width": 320, "height": 700}
WIDE = {"width": 1280, "height": 800}


def look_at(page: Page, name: str) -> None:
    """Keep pictures of a page in light and dark, and see that it fits a phone of 320 px."""
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        shoot(page, f"{name}-{theme}")
    page.set_viewport_size(NARROW)
    shoot(page, f"{name}-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.set_viewport_size(WIDE)


@contextmanager
def partition_down(demo: Demo, name: str) -> Iterator[None]:
    ask(demo.site, "scontrol", "update", f"PartitionName={name}", "State=down")
    try:
        yield
    finally:
        ask(demo.site, "scontrol", "update", f"PartitionName={name}", "State=up")


def test_a_request_that_waits_is_shown_and_changed(page: Page, demo: Demo, bob: Person) -> None:
    login(page, demo, "bob")
    page.wait_for_selector("input[name=tier]")
    with partition_down(demo, "jupyter-long"):
        page.check("input[name=tier][value=long]")
        page.click("#spawn_form [type=submit]")
        page.wait_for_url("**/hub/spawn-pending/bob**")
        message = page.locator("#progress-message")
        expect(message).to_contain_text("The partition is stopped by the administrators.")
        expect(message).to_have_attribute("aria-live", "polite")
        expect(page.locator('[aria-current="step"]')).to_have_text("Wait for free resources")
        expect(page).to_have_title(re.compile("^Waiting: "))
        expect(page.locator("#sitekit-asked")).to_contain_text("Five days: 1.5 GB of memory")
        expect(page.get_by_text("the request ends by itself")).to_be_visible()
        look_at(page, "waiting")
        page.goto("/hub/home")
        expect(page.locator(".sitekit-state")).to_have_text("waiting")
        expect(page.locator(".sitekit-message")).to_contain_text("stopped by the administrators")
        page.get_by_role("button", name="Show the progress").click()
        page.get_by_role("button", name="Change the request").click()
        page.wait_for_url("**/hub/spawn/bob**")
        expect(page.locator("input[name=tier][value=long]")).to_be_checked()
        assert not jobs(demo.site, "bob")


def test_a_server_on_the_home_page_its_card_on_each_page_and_the_same_again(
    page: Page, demo: Demo, bob: Person
) -> None:
    assert bob.start("small")[-1].get("ready")
    login(page, demo, "bob")
    page.goto("/hub/home")
    server = page.locator(".sitekit-server").first
    expect(server.locator(".sitekit-left")).to_contain_text("3 hours 5")
    until(lambda: bob.api("GET", "/sitekit/server").json()["used"])
    page.reload(wait_until="networkidle")
    expect(server.locator(".sitekit-memory")).to_contain_text("MB of 1.5 GB")
    look_at(page, "home")
    _its_log_and_its_scope(page, bob)

    page.goto("/hub/home", wait_until="networkidle")
    [job] = jobs(demo.site, "bob")
    ask(demo.site, "scancel", job.split()[0])
    until(lambda: bob.api("GET", "/sitekit/card").status_code == 200)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    card = page.locator('.sitekit-card[data-kind="cancelled"]')
    expect(card).to_contain_text(re.compile("was cancelled.*ended:", re.DOTALL))
    look_at(page, "card")
    copied = _copy(page, card)
    assert f"job: {job.split()[0]}" in copied and "user bob" in copied
    for address, name in (("/hub/spawn/bob", "card-form"), ("/user/bob/lab", "card-stopped")):
        page.goto(address)
        expect(card).to_contain_text("was cancelled")
        look_at(page, name)
    card.get_by_role("button", name="Dismiss").click()
    expect(card).to_have_count(0)
    page.goto("/hub/home")
    page.get_by_role("button", name="Start again").click()
    page.wait_for_url("**/user/bob/lab**")
    until(lambda: bob.api("GET", "/sitekit/server").json()["state"] == "running")
    page.goto("/hub/home", wait_until="networkidle")
    expect(server).to_contain_text("Small, for a first look")
    page.click("#stop")
    expect(server.locator(".sitekit-state")).to_have_text("not running")
    expect(card).to_have_count(0)


def _copy(page: Page, card: Locator) -> str:
    """Copy the text of a card for support, and return it from the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.get_by_role("button", name="Copy for support").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def _its_log_and_its_scope(page: Page, bob: Person) -> None:
    """A token without the scope gets nothing, and nobody gets a server that does not exist."""
    page.get_by_role("button", name="Log", exact=True).click()
    expect(page.get_by_label("Log")).to_contain_text("Jupyter")
    for scopes, status in ((["read:servers!user"], 200), (["read:users:name!user"], 403)):
        made = bob.api("POST", "/users/bob/tokens", {"scopes": scopes, "expires_in": 60})
        headers = {"Authorization": f"token {made.json()['token']}"}
        answer = bob.http.get("/hub/api/sitekit/server", headers=headers)
        assert answer.status_code == status, answer.text
    assert bob.api("GET", "/sitekit/server?server=nothing").status_code == 404
    assert bob.http.get("/hub/sitekit/log?server=nothing").status_code == 404
