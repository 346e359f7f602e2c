"""The start form in a browser: own values are checked as the hub checks them, choices are saved and
shared, and a server with a name starts by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from sitekit.hub.choices.check_choice import BadChoice
from sitekit.hub.choices.choice_fields import ANYBODY, fields_of

from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, until
from .conftest import go_to, new_window, resize, shoot
from .test_first_hour import login

MEMORY = [
    *("4 GB", "4gb", " 1 GiB ", "1.5", "300", "4097M", "0.3M"),
    *("2", "5G", "99 GB", "200", "1e3", "-1", "4 boxes", "0.5G"),
]
TIMES = [
    *("90 min", "2 hours", "20", "2", "1:30:00", "90:00", "4:75:00"),
    *("0-02", "1-00:00:00", "4h", "240", "5 h", "0", "1.5h"),
]
CPUS = ["1", "4", "5", "0", "2.0", "+1", " 1", "x"]


def test_the_browser_refuses_what_the_hub_refuses(demo: Demo, page: Page) -> None:
    """And says it at the field, before anything is sent."""
    login(page, demo, "alice")
    go_to(page, "/hub/spawn/alice?tier=own")
    fields = fields_of(demo.site, demo.site.tier("own"), ANYBODY)
    for key, texts in (("memory", MEMORY), ("time", TIMES), ("cpus", CPUS)):
        box = page.locator(f'[id="own.{key}"]')
        valid, accepted = [], []
        for text in texts:
            box.fill(text)
            if box.evaluate("element => element.checkValidity()"):
                valid.append(text)
            try:
                fields[key].read(text)
                accepted.append(text)
            except BadChoice:
                pass
        assert valid == accepted and 0 < len(valid) < len(texts)
    page.fill('[id="own.cpus"]', "9")
    page.fill('[id="own.memory"]', "2 GB")
    page.fill('[id="own.time"]', "90 min")
    expect(page.locator('[id="own.memory.effect"]')).to_have_text("reserves 2 GB, may use 10 GB")
    expect(page.locator('[id="own.time.effect"]')).to_contain_text("it ends on")
    page.click("#spawn_form [type=submit]")
    expect(page.locator('[id="own.cpus"]')).to_have_attribute("aria-invalid", "true")
    expect(page.locator('[id="own.cpus.error"]')).to_have_text("Write a value within 1 to 4.")
    assert "/hub/spawn/alice" in page.url
    page.check("input[name=tier][value=small]")
    assert page.evaluate("document.getElementById('spawn_form').checkValidity()")


def test_a_refused_form_without_the_script(demo: Demo, browser: Browser) -> None:
    """It keeps what was typed, and its list of errors leads to the field."""
    told = {"ignore_https_errors": True, "base_url": demo.site.front.url}
    with new_window(browser, java_script_enabled=False, **told) as window:
        page = window.new_page()
        login(page, demo, "alice")
        go_to(page, "/hub/spawn/alice")
        page.check("input[name=tier][value=own]")
        page.fill('[id="own.memory"]', "99 GB")
        page.fill('[id="own.cpus"]', "3")
        page.fill("#sitekit-server", "second")
        page.click("#spawn_form [type=submit]")
        expect(page.locator("#sitekit-errors")).to_contain_text("99 GB")
        page.click("#sitekit-errors a")
        expect(page).to_have_url(re.compile(r"#own\.memory$"))
        expect(page.locator('[id="own.memory"]')).to_have_value("99 GB")
        expect(page.locator('[id="own.cpus"]')).to_have_value("3")
        expect(page.locator("#sitekit-server")).to_have_value("second")
        expect(page.locator("input[value=own]")).to_be_checked()
        assert page.locator(".spawn-error-msg").count() == 0, "the page says it twice"


def fits_a_phone(page: Page) -> None:
    """In light and dark, with pictures."""
    resize(page, 320, 700)
    for theme in ("dark", "light"):
        page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme; }", theme)
        shoot(page, f"form-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_choice_is_saved_shared_and_deleted(
    demo: Demo, page: Page, alice: Person, bob: Person
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    login(page, demo, "alice")
    page.wait_for_selector("input[name=tier]")
    go_to(page, "/hub/spawn/alice?tier=own&memory=64G&next=/hub/token")
    expect(page.locator("#sitekit-errors")).to_be_focused()
    expect(page.locator("#sitekit-errors")).to_contain_text("The link asks for what is not offered")
    shoot(page, "form-error")
    page.fill('[id="own.memory"]', "700 MB")
    page.fill('[id="own.time"]', "90 min")
    page.locator("#sitekit-keep summary").press("Enter")
    page.fill("#sitekit-name", "Big <b>one</b>")
    page.press("#sitekit-name", "Enter")  # saves, and starts nothing
    expect(page.locator("#sitekit-saved a")).to_have_text("Big <b>one</b>")
    link = page.input_value("#sitekit-link")
    assert link.endswith("/hub/spawn?tier=own&memory=700+MB&time=90+min&cpus=1")
    query = "tier=own&memory=700M&time=1%3A30%3A00&cpus=1"
    saved = alice.api("GET", "/sitekit/choices").json()
    assert saved == [{"name": "Big <b>one</b>", "query": query}]
    assert bob.api("GET", "/sitekit/choices").json() == []
    assert bob.api("DELETE", "/sitekit/choices?name=Big <b>one</b>").status_code == 404
    headers = {"X-XSRFToken": "wrong"}
    assert alice.api("DELETE", "/sitekit/choices?name=x", **headers).status_code == 403

    go_to(page, "/hub/spawn/alice?tier=small&next=/hub/token")
    page.click("#sitekit-saved a")
    expect(page.locator('[id="own.time"]')).to_have_value("1:30:00")
    assert "next=" in page.url
    fits_a_phone(page)
    page.locator(".sitekit-delete").press("Enter")
    expect(page.locator("#sitekit-saved")).to_be_hidden()
    assert alice.api("GET", "/sitekit/choices").json() == []
    assert said == []


def test_a_server_with_a_name_starts_by_keyboard_alone(
    demo: Demo, page: Page, alice: Person
) -> None:
    login(page, demo, "alice")
    page.wait_for_selector("input[name=tier]")
    go_to(page, "/hub/spawn/alice?tier=own&memory=700M&time=90m")
    page.locator("input[name=tier]:checked").focus()
    page.keyboard.press("ArrowUp")  # the tier above, and back
    page.keyboard.press("ArrowDown")
    for key in ("memory", "time", "cpus"):
        page.keyboard.press("Tab")
        expect(page.locator(f'[id="own.{key}"]')).to_be_focused()
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#sitekit-server")).to_be_focused()
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    assert not page.locator("#sitekit-server").evaluate("element => element.checkValidity()")
    page.fill("#sitekit-server", "second")
    page.keyboard.press("Enter")
    page.wait_for_url(
        re.compile("/spawn-pending/alice/second|/user/alice/second/"), wait_until="commit"
    )
    try:
        until(lambda: len(jobs(demo.site, "alice")) == 1)
        job = jobs(demo.site, "alice")[0].split()[0]
        shown = ask(demo.site, "scontrol", "--oneliner", "show", "job", job)
        for word in ("TimeLimit=01:30:00", "mem=700M", "NumCPUs=2"):
            assert word in shown
    finally:
        alice.stop_and_wait("second")


@pytest.mark.parametrize("name", ["No such", "a" * 31])
def test_a_refused_name_of_a_server_stands_at_its_field(alice: Person, name: str) -> None:
    answer = alice.submit({"tier": "own", "own.memory": "700M", "server": name})
    assert answer.status_code == 400
    assert 'href="#sitekit-server">This cannot be the name of a server' in answer.text
    assert 'name="own.memory" value="700M"' in answer.text
    assert alice.server() is None
