"""A real browser: Debian's Chromium, driven by playwright, which brings no browser of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

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

Picture = Callable[..., None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
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
    expect.set_options(timeout=60_000)  # as that of a page below: a machine may be busy
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """A fresh window, 1280 x 800; the demo's certificate is its own, so the browser is told to take
    it."""
    context = browser.new_context(
        ignore_https_errors=True,
        base_url=demo.site.front.url,
        viewport={"width": 1280, "height": 800},
    )
    context.set_default_timeout(60_000)
    yield context
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
            page.set_viewport_size({"width": width, "height": 560 if in_lab else 200})
            path = folder / f"{name}.png"
            page.screenshot(path=path, animations="disabled", full_page=not in_lab)
            page.set_viewport_size(size)

    return write


def stop_on_home_page(page: Page, base: str = "") -> None:
    """Stop the default server by its button.

    JupyterHub's page attaches its click handlers after the load event (requirejs): a click before
    that is lost.
    """
    page.goto(f"{base}/hub/home", wait_until="networkidle")
    page.click("#stop")
    expect(page.locator("#stop")).to_be_hidden()
