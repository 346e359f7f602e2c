"""Each page of the hub, as people with a keyboard, a screen reader, a phone or a dark screen meet it.

No page has a serious or moderate fault, writes an error to the console, or asks another host.
test_status, test_courses, test_documentation and test_links look at their own pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page, expect

from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, partition_down, until
from .accessible import require_accessible
from .conftest import Picture, go_to, wait_until
from .test_first_hour import login


@pytest.fixture
def watched(page: Page, demo: Demo) -> Iterator[Page]:
    """A page on which nothing may fail, and which may ask only the hub's own host."""
    said: list[str] = []
    hosts: set[str] = set()

    def note(message: ConsoleMessage) -> None:
        if _in_lab(page):  # JupyterLab's pages are not the hub's
            return
        # a page that is itself an answer such as 404 is no error of the page
        its_own = message.location["url"] == page.url and "status of 4" in message.text
        if message.type == "error" and not its_own:
            said.append(f"{page.url}: {message.text}")

    page.on("console", note)

    def note_error(error: Error) -> None:
        if not _in_lab(page):
            said.append(f"{page.url}: {error}")

    page.on("pageerror", note_error)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield page
    assert said == []
    assert hosts - {""} == {urlsplit(demo.site.front.url).netloc}  # "": data in the page itself


def _in_lab(page: Page) -> bool:
    return urlsplit(page.url).path.startswith("/user/")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    focused = "selector => document.activeElement?.matches(selector)"
    for _ in range(60):
        if page.evaluate(focused, selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def keep_notifications(page: Page) -> list[str]:
    """Allow the browser's notifications, and return the list to which each shown text is added."""
    shown: list[str] = []
    page.context.grant_permissions(["notifications"])
    page.expose_function("keepNotification", lambda text: shown.append(text))
    page.add_init_script("""
        const Real = window.Notification;  // undefined in an empty page
        if (Real) window.Notification = class extends Real {
          constructor(title, options) { super(title, options); window.keepNotification(options.body); }
        };
    """)
    return shown


def log_in_by_keyboard(page: Page, demo: Demo, name: str) -> None:
    go_to(page, "/")
    tab_to(page, "#username_input")
    page.keyboard.type(name)
    tab_to(page, "#password_input")
    page.keyboard.type(demo.passwords[name])
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=tier]")


def choose_by_keyboard(page: Page, demo: Demo, tier: str) -> None:
    """Choose a tier in the form, and start the server."""
    tab_to(page, "input[name=tier]")
    for _ in demo.site.tiers:
        if page.evaluate("document.activeElement.value") == tier:
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_pages_without_a_server(watched: Page, demo: Demo, bob: Person, picture: Picture) -> None:
    page = watched
    go_to(page, "/")
    require_accessible(page, "login")
    login(page, demo, "bob", "wrong")
    expect(page.locator(".login_error")).to_be_visible()
    require_accessible(page, "login failed")
    login(page, demo, "bob")
    page.wait_for_selector("input[name=tier]")
    bob.api("DELETE", "/sitekit/card")  # of an earlier test
    page.reload()
    page.check("input[name=tier][value=own]")
    picture(page, "form")
    require_accessible(page, "form")
    first = page.locator("input[name=tier]").first
    first.evaluate("input => { input.value = 'none'; input.checked = true; }")
    page.click("#spawn_form [type=submit]")
    expect(page.get_by_text("there is no tier 'none' for you")).to_be_visible()
    require_accessible(page, "form with an error")
    for name, path in (
        ("home without a server", "/hub/home"),
        ("token", "/hub/token"),
        ("error 404", "/hub/nothing"),
        ("error 403", "/hub/admin"),
        ("not running", "/hub/user/bob/lab"),
    ):
        go_to(page, path)
        require_accessible(page, name)
    # the page tries the server's address by itself; this answer leaves the page as it is
    page.route("**/hub/user/bob/**", lambda route: route.fulfill(status=204))
    go_to(page, "/hub/error/503?url=/user/bob/")
    page.evaluate("for (let timer = 0; timer < 99; timer++) clearTimeout(timer)")
    require_accessible(page, "server does not answer")
    go_to(page, "/hub/logout")
    require_accessible(page, "logged out")


def test_with_the_keyboard_alone_to_a_server_and_its_pages(
    watched: Page, demo: Demo, bob: Person, picture: Picture
) -> None:
    page = watched
    notified = keep_notifications(page)
    log_in_by_keyboard(page, demo, "bob")
    with partition_down(demo.site, "jupyter-long"):
        choose_by_keyboard(page, demo, "long")
        page.wait_for_url("**/hub/spawn-pending/bob**", wait_until="commit")
        expect(page.get_by_text(re.compile("partition is stopped")).first).to_be_visible()
        expect(page.locator("#sitekit-faster")).to_be_visible()
        picture(page, "waiting")
        require_accessible(page, "waiting")
        tab_to(page, "#sitekit-notify")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="You will be notified")).to_be_visible()
    page.wait_for_url("**/user/bob/lab**")
    wait_until(page, lambda: notified)
    assert notified == ["Your server is ready."]
    go_to(page, "/hub/home")
    expect(page.locator("#stop")).to_be_visible()
    picture(page, "home")
    require_accessible(page, "home")
    ask(demo.site, "scancel", jobs(demo.site, "bob")[0].split()[0])
    bob.http.get("/user/bob/", follow_redirects=False)  # the hub then queries Slurm at once
    until(lambda: bob.api("GET", "/sitekit/card").status_code == 200, 240)
    for name, path in (
        ("home with a card", "/hub/home"),
        ("form with a card", "/hub/spawn/bob"),
        ("not running, with a card", "/hub/user/bob/lab"),
    ):
        go_to(page, path)  # the home page loads itself again when the server has ended
        expect(page.locator(".sitekit-card")).to_be_visible()
        require_accessible(page, name)
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".sitekit-card")).to_have_count(0)
