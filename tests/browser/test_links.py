"""A link to another user's server, followed in a browser: nothing reaches it before the hub has let
the reader in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from sitekit.hub.pages.server_access_cookie import COOKIE
from sitekit.site import Site

from ..applied import applied
from ..conftest import Demo, logged_in
from ..person import Person
from .accessible import require_accessible
from .conftest import go_to, shoot, stop_on_home_page
from .evil import evil
from .test_first_hour import login

ELSEWHERE = "https://elsewhere.example/"
WAYS = """<a id="link" href="URL">link</a>
<form id="form" method="post" action="URL"><input name="a" value="b"></form>
<img src="URLpicture.png"><script src="URLscript.js"></script><link rel="stylesheet" href="URLstyle.css">
<iframe src="URLframe"></iframe><script>
const socket = new WebSocket("URLsocket?token=abc".replace("https:", "wss:"));
Promise.allSettled([
  fetch("URLfetch", {credentials: "include", mode: "no-cors"}),
  fetch("URLpreflight", {headers: {Authorization: "token abc"}}),
  new Promise(end => socket.onopen = socket.onerror = end),
]).then(() => document.title = "all ways were tried");
</script>"""


@pytest.fixture(scope="module")
def granted(demo: Demo) -> Iterator[Site]:
    with applied(login={"admin_access": True}) as site:
        yield site


def follow(page: Page, url: str, way: str) -> None:
    """From a page of another site, by what such a page can do."""
    page.route(
        ELSEWHERE,
        lambda route: route.fulfill(content_type="text/html", body=WAYS.replace("URL", url)),
    )
    go_to(page, ELSEWHERE)
    # and not "networkidle", which never comes if the page before had open requests
    expect(page).to_have_title("all ways were tried")
    with page.expect_navigation():
        page.click("#link") if way == "link" else page.evaluate(
            "document.getElementById('form').submit()"
        )


@pytest.mark.parametrize("way", ["link", "form"])
@pytest.mark.parametrize("reader", ["alice", "carol"])
def test_nothing_of_it_reaches_somebody_elses_server(
    demo: Demo, page: Page, reader: str, way: str
) -> None:
    """carol administers the hub, and the site does not let administrators in."""
    login(page, demo, reader)
    page.wait_for_url("**/hub/spawn**")
    with evil(demo.site, "/user/bob", reader) as bob:
        follow(page, f"{demo.site.front.url}/user/bob/", way)
        if way == "link":
            expect(page.locator("body")).to_contain_text("404")
            shoot(page, f"link-{reader}")
        go_to(page, "/hub/home")
        go_to(page, "/user/bob/lab")
        assert bob.requests == []


@pytest.mark.usefixtures("bob")  # who has been at the hub
def test_the_page_would_have_made_a_token(
    demo: Demo, page: Page, window: BrowserContext, granted: Site
) -> None:
    """That the page above can do harm: to one who has chosen to trust bob, which an administrator
    may here."""
    login(page, demo, "carol")
    page.wait_for_url("**/hub/spawn**")
    with evil(demo.site, "/user/bob", "carol") as bob:
        follow(page, f"{demo.site.front.url}/user/bob/", "link")
        expect(page.locator("h1")).to_have_text("This server belongs to bob")
        expect(page.locator(".lead")).to_contain_text("act with your own login")
        shoot(page, "enter")
        require_accessible(page, "another user's server")
        assert bob.requests == []
        page.click("#enter")
        expect(page).to_have_title("done")
        assert bob.loot[0]["token"] == 201
        assert COOKIE not in bob.cookies | {
            part.split("=")[0] for part in bob.loot[0]["cookies"].split("; ")
        }
        go_to(page, "/user/bob/lab")
        expect(page).to_have_title("done")  # not asked again
        window.clear_cookies(name=COOKIE)
        go_to(page, "/user/bob/lab")
        expect(page.locator("h1")).to_have_text("This server belongs to bob")
    with logged_in(demo, "carol") as carol:
        drop_stolen(carol)


def drop_stolen(person: Person) -> None:
    for token in person.api("GET", f"/users/{person.name}/tokens").json()["api_tokens"]:
        if token["note"] == "stolen":
            person.api("DELETE", f"/users/{person.name}/tokens/{token['id']}")


def test_with_whom_it_is_shared_is_asked_too(
    demo: Demo, page: Page, granted: Site, bob: Person
) -> None:
    assert bob.start("small")[-1].get("ready")
    with logged_in(demo, "carol") as carol:
        shared = carol.api("POST", "/shares/bob/", {"user": "alice"})
        assert shared.status_code == 200, shared.text
        try:
            login(page, demo, "alice")
            page.wait_for_url("**/hub/spawn**")
            go_to(page, "/user/bob/lab")
            expect(page.locator("h1")).to_have_text("This server belongs to bob")
            page.click("#enter")
            # JupyterHub asks: may this server know who you are
            page.click("button:has-text('Authorize')")
            page.wait_for_url("**/user/bob/lab**")
            page.wait_for_selector(".jp-LauncherCard, .jp-Notebook")
        finally:
            carol.api("DELETE", "/shares/bob/", {"user": "alice"})


def run_a_cell(page: Page, base: str) -> None:
    go_to(page, f"{base}lab?reset")
    page.wait_for_selector('.jp-LauncherCard[data-category="Notebook"]')
    page.locator('.jp-LauncherCard[data-category="Notebook"]', has_text="Python 3.11").click()
    expect(page.get_by_role("button", name="| Idle")).to_be_visible()
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.type("print('answer', 6 * 7)")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output pre").first).to_contain_text("answer 42")


def tidy(person: Person) -> None:
    for entry in person.server_api("GET", "contents").json()["content"]:
        if entry["type"] == "notebook":
            person.server_api("DELETE", f"contents/{entry['path']}")


def test_its_owner_notices_nothing(
    demo: Demo, page: Page, window: BrowserContext, alice: Person
) -> None:
    """From the form to the cell, and by a link from elsewhere; without the cookie, too, a page
    opens by itself."""
    login(page, demo, "alice")
    page.wait_for_selector("input[name=tier]")
    page.check("input[name=tier][value=small]")
    page.click("#spawn_form [type=submit]")
    page.wait_for_url("**/user/alice/lab**")
    run_a_cell(page, "/user/alice/")
    window.clear_cookies(name=COOKIE)
    said = "fetch('/user/alice/api/status').then(answer => answer.text())"
    assert "let this browser" in page.evaluate(said)
    page.reload()
    page.wait_for_selector(".jp-Notebook")
    assert "let this browser" not in page.evaluate(said)
    window.clear_cookies(name=COOKIE)
    follow(page, f"{demo.site.front.url}/user/alice/lab?", "link")
    page.wait_for_selector(".jp-Notebook")
    tidy(alice)


def test_with_a_name_for_each_user_browsers_keep_them_apart(
    demo: Demo, page: Page, window: BrowserContext
) -> None:
    """To the executed cell under a name of alice's own; and bob's page, under his, gets nothing
    that is hers."""
    with applied(front={"subdomains": True}) as site:
        base, hers = site.front.url, site.front.url.replace("//", "//alice.")
        login(page, demo, "alice")
        page.wait_for_selector("input[name=tier]")
        page.check("input[name=tier][value=small]")
        page.click("#spawn_form [type=submit]")
        page.wait_for_url(f"{hers}/user/alice/lab**")
        run_a_cell(page, f"{hers}/user/alice/")
        shoot(page, "subdomains")
        with evil(site, "/bob.localhost/user/bob", "alice") as bob:
            go_to(page, f"{base}/hub/home")
            follow(page, f"{base.replace('//', '//bob.')}/user/bob/", "link")
            expect(page).to_have_title("done")
            assert bob.requests != [] and bob.cookies == set()
            [loot] = bob.loot[-1:]
            assert loot["cookies"] == "" and loot["token"] != 201
        stop_on_home_page(page, base)
        assert all(not cookie["domain"].startswith(".") for cookie in window.cookies())
