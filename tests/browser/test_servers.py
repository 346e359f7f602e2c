"""A server's whole life on the hub's own pages: the request that waits, the running server on the home
page, its end with a card on each page, and the start of a larger server."""

from __future__ import annotations

import pwd
import re
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, partition_down, until
from .conftest import Picture, go_to, resize, shoot, wait_for_scripts
from .test_first_hour import login

NARROW = {"width": 320, "height": 700}
WIDE = {"width": 1280, "height": 800}


def look_at(page: Page, name: str) -> None:
    """Keep pictures of a page in light and dark, and see that it fits a phone of 320 px."""
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        shoot(page, f"{name}-{theme}")
    resize(page, **NARROW)
    shoot(page, f"{name}-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    resize(page, **WIDE)


def test_a_request_that_waits_is_shown_and_changed(page: Page, demo: Demo, bob: Person) -> None:
    login(page, demo, "bob")
    page.wait_for_selector("input[name=tier]")
    with partition_down(demo.site, "jupyter-long"):
        page.check("input[name=tier][value=long]")
        page.click("#spawn_form [type=submit]")
        page.wait_for_url("**/hub/spawn-pending/bob**", wait_until="commit")
        message = page.locator("#progress-message")
        expect(message).to_contain_text("The partition is stopped by the administrators.")
        expect(message).to_have_attribute("aria-live", "polite")
        expect(page.locator('[aria-current="step"]')).to_have_text("Wait for free resources")
        expect(page).to_have_title(re.compile("^Waiting: "))
        expect(page.locator("#sitekit-asked")).to_contain_text("Five days: 1.5 GB of memory")
        expect(page.get_by_text("the request ends by itself")).to_be_visible()
        page.context.grant_permissions(["notifications"])
        page.get_by_role("button", name="Notify me when it is ready").click()
        expect(page.get_by_role("button", name="You will be notified")).to_be_disabled()
        faster = page.locator("#sitekit-faster li", has_text="Small, for a first look")
        expect(faster).to_contain_text(re.compile("expected at .*, but 4 hours instead of 5 days"))
        look_at(page, "waiting")
        go_to(page, "/hub/home")
        expect(page.locator(".sitekit-state")).to_have_text("waiting")
        expect(page.locator(".sitekit-message")).to_contain_text("stopped by the administrators")
        page.get_by_role("button", name="Show the progress").click()
        page.wait_for_url("**/hub/spawn-pending/bob**", wait_until="commit")
        wait_for_scripts(page)
        page.get_by_role("button", name="Change the request").click()
        page.wait_for_url("**/hub/spawn/bob**")
        expect(page.locator("input[name=tier][value=long]")).to_be_checked()
        assert not jobs(demo.site, "bob")
        page.click("#spawn_form [type=submit]")
        faster.get_by_role("button", name="Cancel, and choose").click()
        page.wait_for_url("**/hub/spawn/bob?tier=small")
        expect(page.locator("input[name=tier][value=small]")).to_be_checked()
        assert not jobs(demo.site, "bob")


def test_a_server_on_the_home_page_its_card_on_each_page_and_start_with_more(
    page: Page, demo: Demo, bob: Person, picture: Picture
) -> None:
    job = _start_with_little_time(demo, bob)
    login(page, demo, "bob")
    until(lambda: "Start the next one now" in bob.http.get("/hub/home").text)
    go_to(page, "/hub/home")
    server = page.locator(".sitekit-server").first
    expect(server.locator(".sitekit-left")).to_contain_text(re.compile(r"\b2\d minutes"))
    until(lambda: bob.api("GET", "/sitekit/server").json()["used"], 300)
    page.reload()
    expect(server.locator(".sitekit-memory")).to_contain_text("MB of 1.5 GB")
    look_at(page, "home")
    _its_log_and_its_scope(page, bob)
    _the_next_one(page, bob)

    go_to(page, "/hub/home")
    _end_for_memory(demo, job)
    until(lambda: bob.api("GET", "/sitekit/card").status_code == 200, 240)
    with suppress(Error):  # the page may have loaded itself again at this moment
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    card = page.locator('.sitekit-card[data-kind="memory"]')
    expect(card).to_contain_text(re.compile("it may use 1.5 GB .*ended:", re.DOTALL))
    look_at(page, "card")
    picture(page, "card")
    copied = _copy(page, card)
    assert f"job: {job}" in copied and "user bob" in copied
    for address, name in (("/hub/spawn/bob", "card-form"), ("/user/bob/lab", "card-stopped")):
        go_to(page, address)
        expect(card).to_contain_text("ran out of memory")
        look_at(page, name)
    _start_with_more_and_again(page, bob, card)


def _start_with_little_time(demo: Demo, bob: Person) -> str:
    """Start a server of bob's with a time limit of which most is over, and return its job."""
    bob.choose("small")
    [line] = until(lambda: jobs(demo.site, "bob"))
    job = line.split()[0]
    change = ("scontrol", "update", f"JobId={job}")
    ask(demo.site, *change, "TimeLimit=30", user="bob")
    assert list(bob.progress())[-1].get("ready")
    with pytest.raises(CalledProcessError):  # only an operator raises it again (docs/servers.md)
        ask(demo.site, *change, "TimeLimit=60", user="bob")
    return job


def _the_next_one(page: Page, bob: Person) -> None:
    """Start another server of the same size while the first one runs."""
    go_to(page, "/hub/home")
    page.get_by_role("button", name="Start the next one now").click()
    page.wait_for_url(re.compile("/spawn-pending/bob/next|/user/bob/next/"), wait_until="commit")
    go_to(page, "/hub/home")  # the page before loads itself again when the server is ready
    second = page.locator('.sitekit-server[data-server-name="next"]')
    expect(second).to_contain_text("Small, for a first look")
    expect(page.locator(".sitekit-server").first).to_have_attribute("data-state", "running")
    bob.stop_and_wait("next")
    bob.api("DELETE", "/users/bob/servers/next", {"remove": True})


def _end_for_memory(demo: Demo, job: str) -> None:
    """End a job of bob's, after the line that Slurm writes if Linux kills a job's process for lack of
    memory."""
    [log] = Path(pwd.getpwnam("bob").pw_dir).glob(f".jupyterhub/**/job-{job}.log")
    with log.open("a") as lines:
        lines.write(f"slurmstepd: error: Detected 1 oom-kill event(s) in StepId={job}.batch.\n")
    ask(demo.site, "scancel", job)


def _start_with_more_and_again(page: Page, bob: Person, card: Locator) -> None:
    """Start the larger server that the card offers, and after its end the same one again."""
    go_to(page, "/hub/home")
    card.get_by_role("button", name="Start with more").click()
    page.wait_for_url("**/user/bob/lab**")
    until(lambda: bob.api("GET", "/sitekit/server").json()["state"] == "running")
    go_to(page, "/hub/home")
    server = page.locator(".sitekit-server").first
    expect(server).to_contain_text("Your own size")
    wait_for_scripts(page)
    page.click("#stop")
    expect(server.locator(".sitekit-state")).to_have_text("not running")
    expect(card).to_have_count(0)
    page.get_by_role("button", name="Start again").click()
    page.wait_for_url(re.compile("/spawn-pending/bob|/user/bob/"), wait_until="commit")
    assert bob.api("GET", "/sitekit/server").json()["tier"] == "own"


def _copy(page: Page, card: Locator) -> str:
    """Copy the text of a card for support, and return it from the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.wait_for_load_state()
    card.get_by_role("button", name="Copy for support").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def _its_log_and_its_scope(page: Page, bob: Person) -> None:
    """A token without the scope gets nothing, and nobody gets a server that does not exist."""
    page.get_by_role("button", name="Log", exact=True).click()
    expect(page.get_by_label("Log")).to_contain_text("Jupyter")
    for scopes, status in ((["read:servers!user"], 200), (["read:users:name!user"], 403)):
        made = bob.api("POST", "/users/bob/tokens", {"scopes": scopes, "expires_in": 600})
        headers = {"Authorization": f"token {made.json()['token']}"}
        answer = bob.http.get("/hub/api/sitekit/server", headers=headers)
        assert answer.status_code == status, answer.text
    assert bob.api("GET", "/sitekit/server?server=nothing").status_code == 404
    assert bob.http.get("/hub/sitekit/log?server=nothing").status_code == 404
