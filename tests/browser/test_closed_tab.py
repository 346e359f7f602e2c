"""A cell whose tab is closed while it runs: its output is there when the notebook is opened again."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ..conftest import Demo, logged_in
from ..person import Person
from ..slurm import until
from .test_first_hour import login

CODE = "import time\nfor i in range(8):\n    print('line', i, flush=True)\n    time.sleep(1)"
OUTPUT = ".jp-OutputArea-output"
BOOK = "closed-tab.ipynb"


def write_notebook(bob: Person) -> None:
    specs = bob.kernelspecs()
    [name] = [key for key, one in specs.items() if one["spec"]["display_name"] == "Python 3.11"]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": CODE, "outputs": []}
    content = {
        **{"cells": [{**cell, "execution_count": None}], "nbformat": 4, "nbformat_minor": 5},
        "metadata": {"kernelspec": {"name": name, "display_name": "Python 3.11"}},
    }
    model = {"type": "notebook", "format": "json", "content": content}
    answer = bob.server_api("PUT", f"contents/{BOOK}", model)
    assert answer.status_code in (200, 201), answer.text


def open_book(page: Page) -> None:
    page.goto(f"/user/bob/lab/tree/{BOOK}?reset")
    expect(page.locator(".jp-CodeCell .cm-content").first).to_contain_text("line")
    expect(page.get_by_role("button", name="Python 3.11 | ")).to_be_visible()


def busy(bob: Person) -> bool:
    return any(one["execution_state"] == "busy" for one in bob.server_api("GET", "kernels").json())


@pytest.mark.soak
def test_output_of_a_closed_tab_is_there_and_the_notebook_can_be_saved(
    window: BrowserContext, page: Page, demo: Demo
) -> None:
    with logged_in(demo, "bob") as bob:
        assert bob.start("large")[-1].get("ready")
        write_notebook(bob)
        login(page, demo, "bob")
        page.wait_for_url("**/user/bob/**")
        open_book(page)
        expect(page.get_by_role("button", name="Python 3.11 | Idle")).to_be_visible()
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        expect(page.locator(OUTPUT)).to_contain_text("line 1")
        page.close()
        until(lambda: not busy(bob))
        again = window.new_page()
        open_book(again)
        lines = "\n".join(f"line {i}" for i in range(8)) + "\n"
        assert again.locator(OUTPUT).text_content() == lines
        again.locator(".jp-CodeCell .cm-content").first.click()
        again.keyboard.press("Control+End")
        again.keyboard.type("  # changed")
        with again.expect_response(
            lambda response: response.request.method == "PUT" and BOOK in response.url
        ) as saved:
            again.keyboard.press("Control+s")
        assert saved.value.status == 200
        expect(again.locator(".jp-Dialog")).to_have_count(0)
        bob.server_api("DELETE", f"contents/{BOOK}")
