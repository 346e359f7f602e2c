"""The lab's own warnings, in a browser: before an idle server is stopped, and before its time is
over."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from sitekit.operations.running_hub.announce import announce, announce_end

from ..chain.test_chain import EAT
from ..conftest import Demo
from ..person import KernelDied, Person
from .conftest import go_to, shoot, wait_until
from .test_first_hour import login

TOAST = ".Toastify__toast"
QUIET = {"idle": 3600, "idle_warning": 600, "time": 14000, "time_warnings": [900, 300]}


class Told:
    """Answers for the server: `say` is told to the page, `asked` are the methods of its requests.

    If `say_to_post` is set, it is told from the next POST on: the page also asks every 15 seconds.
    """

    def __init__(self, **say: object) -> None:
        self.say, self.asked = {**QUIET, **say}, []
        self.say_to_post: dict[str, object] | None = None

    def __call__(self, route: Route) -> None:
        self.asked.append(route.request.method)
        if route.request.method == "POST" and self.say_to_post is not None:
            self.say = self.say_to_post
        route.fulfill(status=200, content_type="application/json", body=json.dumps(self.say))


@pytest.fixture
def page_of_bob(page: Page, demo: Demo, bob: Person) -> Page:
    """bob's browser, logged in; his server runs."""
    assert bob.start("small")[-1].get("ready")
    login(page, demo, "bob")
    page.wait_for_url("**/user/bob/**")
    return page


def open_lab(page: Page, told: Told | None = None) -> None:
    if told:
        page.route("**/sitekit/notice", told)
    go_to(page, "/user/bob/lab?reset")
    page.wait_for_selector('.jp-LauncherCard[data-category="Notebook"]')


def test_an_idle_server_is_told_of_and_one_click_keeps_it(page_of_bob: Page) -> None:
    told = Told(idle=300)
    open_lab(page_of_bob, told)
    toast = page_of_bob.locator(TOAST, has_text="Nobody seems to use this server")
    expect(toast).to_contain_text("stopped in 5 minutes")
    shoot(page_of_bob, "notice-idle")
    posts = told.asked.count("POST")
    told.say_to_post = QUIET
    toast.get_by_role("button", name="Stay").click()
    expect(toast).to_be_hidden()
    # the click counts as activity
    wait_until(page_of_bob, lambda: told.asked.count("POST") > posts)
    expect(page_of_bob.locator(TOAST)).to_have_count(0)


def test_the_end_of_its_time_is_told_twice(page_of_bob: Page) -> None:
    told = Told(time=890)
    open_lab(page_of_bob, told)
    toasts = page_of_bob.locator(TOAST, has_text="The time of this server is over")
    expect(toasts).to_have_count(1)
    expect(toasts).to_contain_text("in 15 minutes")
    for time, count in ((600, 1), (299, 2), (120, 2)):
        told.say = {**QUIET, "time": time}
        asked = len(told.asked)
        page_of_bob.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        wait_until(page_of_bob, lambda asked=asked: len(told.asked) > asked)
        page_of_bob.wait_for_timeout(500)  # a notification too many would come by then
        expect(toasts).to_have_count(count)
    shoot(page_of_bob, "notice-time")


def test_a_server_that_lives_on_is_not_talked_about(page_of_bob: Page) -> None:
    told = Told(idle=None, idle_warning=None, time=None)
    open_lab(page_of_bob, told)
    wait_until(page_of_bob, lambda: told.asked)
    page_of_bob.wait_for_timeout(1500)
    assert told.asked[0] == "POST", "opening the lab is something that a person does"
    expect(page_of_bob.locator(TOAST)).to_have_count(0)


@pytest.mark.soak
def test_a_lab_that_is_left_open_is_idle_and_a_touch_is_not(page_of_bob: Page, bob: Person) -> None:
    """The real answers, of the real server."""
    open_lab(page_of_bob)
    page_of_bob.wait_for_timeout(5000)  # the lab still stores its layout

    def last() -> str:
        return bob.server_api("GET", "status").json()["last_activity"]

    before = last()
    page_of_bob.wait_for_timeout(25_000)  # the lab asks for its lists every ten seconds
    assert last() == before
    page_of_bob.mouse.wheel(0, 10)
    page_of_bob.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page_of_bob.wait_for_timeout(1000)
    assert last() > before


def test_an_announcement_is_shown_until_it_ends_and_one_to_close_only_once(
    page_of_bob: Page,
) -> None:
    message = {"id": "announcement-7", "from": "Maintenance", "text": "<b>Down</b>", "level": "x"}
    told = Told(messages=[message, {**message, "id": "announcement-8", "once": "1"}])
    open_lab(page_of_bob, told)
    toasts = page_of_bob.locator(TOAST, has_text="Maintenance: <b>Down</b>")
    expect(toasts).to_have_count(2)
    open_lab(page_of_bob)
    expect(toasts).to_have_count(1)
    told.say = {**QUIET, "messages": []}
    page_of_bob.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(toasts).to_have_count(0)


def test_a_closed_announcement_stays_closed_on_all_pages(
    page_of_bob: Page, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert announce(demo.site, "TEXT=Tea at <b>five</b>") == 0
    number = capsys.readouterr().out.split()[1].rstrip(":")
    try:
        go_to(page_of_bob, "/hub/home")
        shown = page_of_bob.get_by_role("status").filter(has_text="Tea at <b>five</b>")
        expect(shown).to_be_visible()
        shoot(page_of_bob, "announcement")
        shown.get_by_role("button", name="Close this announcement").click()
        expect(shown).to_have_count(0)
        go_to(page_of_bob, "/hub/token")
        go_to(page_of_bob, "/hub/home")
        expect(shown).to_have_count(0)
    finally:
        assert announce_end(demo.site, f"ID={number}") == 0


def test_the_classic_notebook_warns_too(page_of_bob: Page) -> None:
    page_of_bob.route("**/sitekit/notice", Told(idle=60))
    go_to(page_of_bob, "/user/bob/tree")
    expect(page_of_bob.locator(TOAST)).to_contain_text("stopped in 1 minute,")


def test_a_kernel_that_was_ended_for_memory_is_told_with_the_figure(
    page_of_bob: Page, bob: Person
) -> None:
    """The real one: a kernel takes more than the cap of its tier, and the node ends it."""
    # the lab compares the number of ended programs with that of the time when it was opened
    with page_of_bob.expect_response("**/sitekit/notice"):
        open_lab(page_of_bob)
    kernel = bob.kernel("python-3.11")
    with pytest.raises(KernelDied):
        kernel.run(EAT.format(count=400))
    page_of_bob.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    toast = page_of_bob.locator(TOAST, has_text="The memory of this server, 1.5 GB, was used up")
    expect(toast).to_have_count(1)
    page_of_bob.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page_of_bob.wait_for_timeout(500)
    expect(toast).to_have_count(1)
    shoot(page_of_bob, "notice-memory")
