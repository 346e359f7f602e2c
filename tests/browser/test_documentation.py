"""The documentation in a browser: light, dark and at 320 pixels, without errors or other hosts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, expect

from sitekit.operations.pages.build_site import docs

from ..conftest import Demo
from .accessible import UPSTREAM, require_accessible, seen
from .conftest import go_to, new_window

PAGES = ("docs/users.html", "docs/site-keys.html", "docs/servers.html", "README.html")


@pytest.fixture
def built(demo: Demo) -> Iterator[None]:
    assert docs(demo.site) == 0
    yield
    shutil.rmtree(demo.site.docs)


def test_it_is_read_on_a_phone_in_the_dark(browser: Browser, demo: Demo, built: None) -> None:
    said: list[str] = []
    hosts: set[str] = set()

    def listen(message: ConsoleMessage) -> None:
        said.append(message.text) if message.type in ("error", "warning") else None

    def note(request: Request) -> None:
        hosts.add(urlsplit(request.url).netloc or urlsplit(request.url).scheme)

    for scheme in ("dark", "light"):
        options = {"base_url": demo.site.front.url, "ignore_https_errors": True}
        options["viewport"] = {"width": 320, "height": 640}
        with new_window(browser, color_scheme=scheme, **options) as window:
            page = window.new_page()
            go_to(page, "/hub/login")
            page.fill("#username_input", "alice")
            page.fill("#password_input", demo.passwords["alice"])
            page.click("#login_submit")
            page.wait_for_url(lambda address: not address.endswith("/hub/login"))
            page.on("console", listen)
            page.on("request", note)
            for name in PAGES:
                go_to(page, f"/hub/sitekit/docs/{name}")
                expect(page.locator("h1").first).to_be_visible()
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= 320, (name, width)
                shade = page.evaluate(
                    "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)"
                )
                assert (sum(map(int, shade)) < 3 * 128) == (scheme == "dark"), (name, shade)
            if scheme == "dark":  # it looks at the light page too
                go_to(page, f"/hub/sitekit/docs/{PAGES[0]}")
                require_accessible(page, PAGES[0])
            go_to(page, "/hub/sitekit/docs/search.html?q=memory_cap")
            expect(page.locator("#search-results li").first).to_be_visible()
    assert seen == {one["selector"] for one in UPSTREAM}
    assert said == [] and hosts == {urlsplit(demo.site.front.url).netloc}
