"""A real browser: Debian's Chromium, driven by playwright, which brings no browser of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Route,
    expect,
    sync_playwright,
)

from ..conftest import CHECKOUT, Demo

SHOTS = Path(os.environ.get("SITEKIT_TEST_SHOTS", CHECKOUT / "tests" / "browser" / "shots"))
# Chromium's own errands (updates, sync, look-ups) would fail on a machine without internet, many at
# a time
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

RUN_CHROMIUM = Path(__file__).parent / "programs" / "run_chromium.py"
PATIENCE = 180_000
"""Milliseconds within which a page has to show what a test expects: a machine may be busy."""
CUT_OFF = (
    "net::ERR_ABORTED",
    "is interrupted by another navigation",
    "net::ERR_NETWORK_CHANGED",
)
"""What playwright says of a load that another navigation of the same page has ended, or that Chromium
has ended because the network or its name servers have changed (see programs/run_chromium.py)."""
LEFT = "Execution context was destroyed"
"""What playwright says of a question to a page that another load has replaced meanwhile."""

Picture = Callable[..., None]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser of all tests here. Its event loop ends with them: other tests of this process run
    loops of their own."""
    if not shutil.which("chromium"):
        subprocess.run(
            [
                "apt-get",
                "-q",
                "-o",
                "DPkg::Lock::Timeout=600",
                "install",
                "-y",
                "--no-install-recommends",
                "chromium",
                "fonts-dejavu-core",
            ],
            check=True,
            timeout=600,
            stdout=subprocess.DEVNULL,
        )
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=RUN_CHROMIUM, args=QUIET, timeout=PATIENCE
        )
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """A fresh window, 1280 x 800; the demo's certificate is its own, so the browser is told to take
    it."""
    with new_window(browser, ignore_https_errors=True, base_url=demo.site.front.url) as context:
        yield context


@contextmanager
def new_window(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A window, by default 1280 x 800, in which each step has PATIENCE, as in `expect`."""
    options.setdefault("viewport", {"width": 1280, "height": 800})
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()


@pytest.fixture
def page(window: BrowserContext) -> Page:
    return window.new_page()


def shoot(page: Page, name: str) -> Path:
    """Keep a picture of the page for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Picture:
    """Return what writes a picture of a page for the documentation, with --update-pictures only.

    The picture shows the whole page. JupyterLab's page is as high as the window.
    """
    folder = request.config.getoption("--update-pictures")

    def write(page: Page, name: str, width: int = 1000) -> None:
        if folder:
            size = page.viewport_size
            in_lab = "/user/" in page.url and "/hub/" not in page.url
            resize(page, width, 560 if in_lab else 200)
            path = folder / f"{name}.png"
            page.screenshot(path=path, animations="disabled", full_page=not in_lab)
            resize(page, **size)

    return write


def go_to(page: Page, address: str, **options: Any) -> None:
    """Load a page. If the load is cut off (see CUT_OFF), load the page again."""
    for _ in range(10):
        try:
            page.goto(address, **options)
            return
        except Error as error:
            if not any(words in str(error) for words in CUT_OFF):
                raise
    raise AssertionError(f"each load of {address} was cut off")


def wait_for_scripts(page: Page) -> None:
    """Wait until the page of the hub has attached its click handlers: a click before that is lost.

    JupyterHub's pages attach theirs after the load event (requirejs).
    """
    # wait_for_function would evaluate a text within the page, which the page's policy forbids
    wait_until(page, lambda: page.evaluate("window._jupyterhub_page_loaded"))


def wait_until(page: Page, what: Callable[[], object]) -> None:
    """Wait until `what()` is true, while playwright handles the page's requests and events.

    A page that loads itself again while it is asked is asked again.
    """
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            if what():
                return
        except Error as error:
            if LEFT not in str(error):
                raise
        assert time.monotonic() < deadline, f"did not happen within {PATIENCE / 1000:g} s"
        page.wait_for_timeout(50)


def resize(page: Page, width: int, height: int) -> None:
    """Resize the page's window, and wait until the page has the new size."""
    page.set_viewport_size({"width": width, "height": height})
    wait_until(page, lambda: page.evaluate("[innerWidth, innerHeight]") == [width, height])


@contextmanager
def no_reload(page: Page, pattern: str) -> Iterator[None]:
    """While the block runs, a page with this address cannot load itself again.

    A redirect to the address is no request of the page, and is not held up.
    """
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))
    try:
        yield
    finally:
        page.unroute(pattern)
        for route in held:
            with suppress(Error):  # playwright continues a held request by itself with unroute
                route.continue_()


def stop_on_home_page(page: Page, base: str = "") -> None:
    """Stop the default server by its button."""
    go_to(page, f"{base}/hub/home")
    wait_for_scripts(page)
    page.click("#stop")
    expect(page.locator("#stop")).to_be_hidden()
