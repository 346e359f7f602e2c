"""Launcher and kernels of the demo, in a browser: logos, names, a notebook in each language, the
modules tab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from ..conftest import Demo, logged_in
from ..person import Person
from .conftest import go_to, shoot
from .test_first_hour import login

CARDS = ["Bash", "Python 3.11", "Python 3.9", "Python with the modules you loaded", "R 4.2"]
CARDS += ["R with the modules you loaded"]
OPEN = ".jp-NotebookPanel:not(.lm-mod-hidden)"


@pytest.fixture(scope="module")
def bob(demo: Demo) -> Iterator[Person]:
    """bob with a server, for all tests in here; the notebooks that they make are removed."""
    with logged_in(demo, "bob") as person:
        assert person.start("large")[-1].get("ready")
        yield person
        for entry in person.server_api("GET", "contents").json()["content"]:
            if entry["type"] == "notebook":
                person.server_api("DELETE", f"contents/{entry['path']}")


@pytest.fixture
def lab(page: Page, demo: Demo, bob: Person) -> Page:
    """bob's lab, with the launcher open."""
    login(page, demo, "bob")
    page.wait_for_url("**/user/bob/**")
    go_to(page, "/user/bob/lab?reset")
    page.wait_for_selector('.jp-LauncherCard[data-category="Notebook"]')
    return page


def card(lab: Page, title: str) -> Locator:
    return lab.locator(f'.jp-LauncherCard[data-category="Notebook"][title="{title}"]:visible')


def open_notebook(lab: Page, title: str) -> None:
    if not lab.locator(".jp-Launcher:visible").count():
        lab.locator('.lm-TabBar-addButton[title="New Launcher"]').click()
    card(lab, title).click()
    expect(lab.get_by_role("button", name=f"{title} | Idle")).to_be_visible()


def run(lab: Page, code: str) -> Locator:
    """Run `code` in the last cell of the notebook that is open; its output."""
    lab.locator(f"{OPEN} .jp-CodeCell .cm-content").last.click()
    lab.keyboard.type(code)
    cells = lab.locator(f"{OPEN} .jp-CodeCell")
    place = cells.count() - 1
    lab.keyboard.press("Shift+Enter")
    return cells.nth(place).locator(".jp-OutputArea-output")


def test_the_launcher_shows_each_kernel_with_its_logo(lab: Page) -> None:
    cards = lab.locator('.jp-LauncherCard[data-category="Notebook"]')
    expect(cards).to_have_count(len(CARDS))
    assert sorted(cards.evaluate_all("all => all.map(one => one.title)")) == CARDS
    for title in CARDS:
        image = card(lab, title).locator("img")
        lab.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    pictures = {title: card(lab, title).locator("img").get_attribute("src") for title in CARDS}
    assert len({pictures["Bash"], pictures["Python 3.11"], pictures["R 4.2"]}) == 3
    shoot(lab, "launcher-kernels")


def test_a_notebook_runs_in_each_language(lab: Page) -> None:
    open_notebook(lab, "Python 3.9")
    expect(run(lab, "import sys; print(6 * 7, sys.version)")).to_contain_text("42 3.9.")
    open_notebook(lab, "R 4.2")
    expect(run(lab, "cat(6 * 7, R.version.string)")).to_contain_text("42 R version 4.2")
    shoot(lab, "notebook-r")
    open_notebook(lab, "Bash")
    expect(run(lab, "echo $((6 * 7))")).to_contain_text("42")


def test_a_kernel_that_cannot_start_says_why_and_the_modules_tab_cures_it(lab: Page) -> None:
    open_notebook(lab, "Python with the modules you loaded")
    said = run(lab, "import sys; sys.executable")
    expect(said).to_contain_text("This kernel runs what you have loaded, and no module is loaded.")
    expect(said).to_contain_text("in the Software Modules tab, then Kernel > Restart Kernel")
    shoot(lab, "tombstone")
    lab.locator('.jp-SideBar [data-id="module-jupyterlab"]').click()
    module = lab.locator("#module_avail_list li", has_text="python/3.9")
    module.hover()
    module.get_by_role("button").click()
    expect(lab.locator("#module_loaded_list li")).to_contain_text(["python/3.9"])
    lab.get_by_role("button", name="Restart the kernel", exact=True).click()
    with lab.expect_response(lambda answer: "/restart" in answer.url):  # until then it is idle
        lab.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(lab.get_by_role("button", name="| Idle")).to_be_visible()
    expect(run(lab, "import sys; sys.executable")).to_contain_text(
        "/opt/sitekit/demo/software/python/3.9/bin/python"
    )
    shoot(lab, "modules-tab")


def test_no_link_from_elsewhere_reaches_the_modules_tab(lab: Page, demo: Demo) -> None:
    address = f"{demo.site.front.url}/user/bob/module/modules/python"
    elsewhere = lab.context.new_page()
    elsewhere.route(
        "http://evil.test/",
        lambda route: route.fulfill(body=f'<a href="{address}">a</a>', content_type="text/html"),
    )
    go_to(elsewhere, "http://evil.test/")
    with elsewhere.expect_navigation() as there:
        elsewhere.click("a")
    assert there.value.status == 403
    assert "cookie" in there.value.request.all_headers(), "the browser did not even try"
