"""A participant of the workshop in a browser: cells in two languages in the container, and the card
after a crash."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ..browser.conftest import browser, go_to
from ..browser.test_kernels import open_notebook, run
from ..slurm import until
from .conftest import Workshop
from .machine import PASSWORDS
from .test_servers import process_of

__all__ = ["browser"]
NAME = "trainee3"


@pytest.fixture
def page(browser: Browser, workshop: Workshop) -> Iterator[Page]:
    """A window on the site, which accepts the site's self-signed certificate."""
    context = browser.new_context(ignore_https_errors=True, base_url=workshop.site.front.url)
    context.set_default_timeout(180_000)  # a busy machine starts a server slowly
    yield context.new_page()
    context.close()


def test_a_participant_runs_cells_and_reads_the_card(workshop: Workshop, page: Page) -> None:
    go_to(page, "/")
    page.fill("#username_input", NAME)
    page.fill("#password_input", PASSWORDS[NAME])
    page.click("#login_submit")
    page.check("input[name=tier][value=docker]")
    page.click("#spawn_form [type=submit]")
    page.wait_for_url(f"**/user/{NAME}/lab**", wait_until="commit")
    page.wait_for_selector('.jp-LauncherCard[data-category="Notebook"]')
    open_notebook(page, "Python 3 (image)")
    expect(run(page, "import os; print(6 * 7, os.environ['HOME'])")).to_contain_text(
        f"42 /home/{NAME}"
    )
    open_notebook(page, "R (image)")
    expect(run(page, "cat(6 * 7, Sys.info()[['user']])")).to_contain_text(f"42 {NAME}")

    os.kill(process_of(NAME), signal.SIGKILL)

    def card() -> bool:
        go_to(page, f"/hub/spawn/{NAME}")
        return page.locator('.sitekit-card[data-kind="crash"]').count() == 1

    until(card, 240, 1)
    expect(page.locator(".sitekit-card")).to_contain_text("signal 9")
