"""A page of another site, in a browser where bob is logged in: what its links, frames and pictures
do at his server."""

from __future__ import annotations

import json
import pwd
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from ..conftest import Demo
from ..person import Person
from .conftest import go_to, shoot
from .test_first_hour import login

MARK = '"><img src=x onerror="document.title=\'ran\'"><script>document.title="ran"</script>'
LISTEN = Path(__file__).parent / "programs" / "listen.py"


@pytest.fixture
def program() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A program of bob's that listens; what it prints is the first line of each request."""
    account = ["setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "--"]
    # By its text: he may not read the checkout.
    words = [*account, "/usr/bin/python3", "-c", LISTEN.read_text()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        assert process.stdout
        yield int(process.stdout.readline()), process
        process.kill()


@pytest.fixture
def page_of_bob(page: Page, demo: Demo, bob: Person) -> Page:
    """bob's browser, with cookies of his running server."""
    assert bob.start("small")[-1].get("ready")
    login(page, demo, "bob")
    page.wait_for_url("**/user/bob/**")
    return page


class Elsewhere:
    """Another site, on a host of its own. `content` is its page."""

    def __init__(self) -> None:
        self.content = ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"<!doctype html><title>elsewhere</title>{site.content}".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    one = Elsewhere()
    yield one
    one.server.shutdown()
    one.server.server_close()


def home() -> set[str]:
    """What bob's home has, without the hidden folders that his lab makes when it likes."""
    names = {path.name for path in Path(pwd.getpwnam("bob").pw_dir).iterdir()}
    return {name for name in names if not name.startswith(".")}


def test_a_link_that_pulls_asks_and_its_address_runs_no_script(
    demo: Demo, page_of_bob: Page, elsewhere: Elsewhere
) -> None:
    page, base = page_of_bob, f"{demo.site.front.url}/user/bob/git-pull"
    before = home()
    good = (
        f"{base}?repo=https://github.com/example/course&urlpath={quote('lab/tree/course/' + MARK)}"
    )
    bad = f"{base}?repo={quote(MARK)}&targetPath={quote('../' + MARK)}"
    frame = f'<iframe src="{good}"></iframe><img src="{good}">'
    elsewhere.content = f"<a id=good href='{good}'>a</a><a id=bad href='{bad}'>b</a>{frame}"
    go_to(page, elsewhere.url)
    page.click("#good")
    expect(page.get_by_role("heading")).to_have_text("Pull this repository?")
    expect(page.get_by_text("https://github.com/example/course")).to_be_visible()
    shoot(page, "pull")
    assert page.title() == "Pull this repository?"
    go_to(page, elsewhere.url)
    page.click("#bad")
    expect(page.get_by_role("heading")).to_have_text("Nothing is pulled")
    expect(page.get_by_text("not the https address of a repository")).to_be_visible()
    assert page.title() == "Nothing is pulled" and home() == before


def test_a_form_of_another_site_pulls_nothing(
    demo: Demo, page_of_bob: Page, elsewhere: Elsewhere
) -> None:
    page, before = page_of_bob, home()
    elsewhere.content = (
        f'<form method=post action="{demo.site.front.url}/user/bob/git-pull">'
        '<input name=repo value="https://github.com/example/course"><button>go</button></form>'
    )
    go_to(page, elsewhere.url)
    with page.expect_navigation() as told:
        page.click("button")
    assert told.value.status in (403, 302)
    assert home() == before


def test_a_port_is_opened_by_a_click_of_its_users_alone(
    demo: Demo, page_of_bob: Page, elsewhere: Elsewhere, program: tuple[int, subprocess.Popen[str]]
) -> None:
    page, (port, process) = page_of_bob, program
    url = f"{demo.site.front.url}/user/bob/proxy/{port}/x"
    elsewhere.content = (
        f"<a href='{url}?link'>a</a><iframe src='{url}?frame'></iframe><img src='{url}?picture'>"
        f"<script src='{url}?script'></script><script>fetch({json.dumps(url + '?fetch')}, "
        "{mode: 'no-cors', credentials: 'include'}).finally(() => document.title = 'asked')"
        "</script>"
    )
    go_to(page, elsewhere.url)
    expect(page).to_have_title("asked")
    page.click("a")
    expect(page.get_by_role("heading")).to_have_text("Open this page?")
    shoot(page, "open-port")
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_text("app")).to_be_visible()
    process.kill()
    assert process.stdout
    assert [line for line in process.stdout.read().splitlines() if "favicon" not in line] == [
        "GET /x?link HTTP/1.1"
    ]
