"""The first hour of a cluster user, in a browser: log in, choose, wait, open a notebook, run a
cell, see the output."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from ..conftest import Demo
from ..person import Person
from .conftest import Picture, go_to, no_reload, shoot, stop_on_home_page


def login(page: Page, demo: Demo, name: str, password: str | None = None) -> None:
    go_to(page, "/")
    page.fill("#username_input", name)
    page.fill("#password_input", password or demo.passwords[name])
    # the next load of a page would otherwise end the login
    with page.expect_navigation(wait_until="commit"):
        page.click("#login_submit")


def test_wrong_password_is_told_in_words(page: Page, demo: Demo) -> None:
    login(page, demo, "bob", "wrong")
    expect(page.locator("p").filter(has_text="Log in as alice")).to_be_visible()
    expect(page.locator(".login_error")).to_contain_text("Invalid username or password")
    shoot(page, "wrong-password")


def test_log_in_choose_start_and_run_a_cell(
    page: Page, demo: Demo, bob: Person, picture: Picture
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    login(page, demo, "bob")
    page.wait_for_selector("input[name=tier]")
    expect(page.locator(".sitekit-tier")).to_have_count(len(demo.site.tiers))
    shoot(page, "form")
    page.check("input[name=tier][value=small]")
    with no_reload(page, "**/hub/spawn-pending/bob**"):  # the server may be ready at any moment
        page.click("#spawn_form [type=submit]")
        # the reload that is held may have begun before the page was complete
        page.wait_for_url("**/hub/spawn-pending/bob**", wait_until="commit")
        expect(page.locator("#progress-message")).to_contain_text(re.compile(".{6}"))
        shoot(page, "waiting")
    page.wait_for_url("**/user/bob/lab**")
    go_to(page, "/user/bob/lab?reset")  # not what an earlier session of bob's had open
    page.wait_for_selector('.jp-LauncherCard[data-category="Notebook"]')
    # the launcher's icons arrive after its cards; this is for the picture only
    page.wait_for_timeout(1000)
    shoot(page, "launcher")
    assert not [error for error in said if "already registered" in error], (
        "one command of two plugins (@lumino/commands)"
    )
    page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text="Python 3.11").click()
    expect(page.get_by_role("button", name="| Idle")).to_be_visible()
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.type(
        "import os, sys\nprint('answer', 6 * 7)\nprint(os.environ['LOADEDMODULES'])\nsys.executable"
    )
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output pre")
    expect(output.first).to_contain_text("answer 42")
    expect(output.first).to_contain_text("python/")
    expect(output.last).to_contain_text("/opt/sitekit/demo/software/python/")
    shoot(page, "notebook")
    picture(page, "notebook")
    for entry in bob.server_api("GET", "contents").json()["content"]:
        if entry["type"] == "notebook":
            bob.server_api("DELETE", f"contents/{entry['path']}")
    stop_on_home_page(page)
    shoot(page, "stopped")
