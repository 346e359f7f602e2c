"""A cell whose tab is closed while it runs: its output is there when the notebook is opened again,
and the rest follows if the cell still runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ..conftest import Demo, logged_in
from ..person import Person
from ..slurm import until
from .conftest import go_to
from .test_first_hour import login

CODE = """import itertools, os, time
for i in itertools.takewhile(lambda _: not os.path.exists("stop"), range(600)):
    print("line", i, flush=True)
    time.sleep(1)
print("end")"""
OUTPUT = ".jp-OutputArea-output"
BOOK = "closed-tab.ipynb"


def write_notebook(bob: Person) -> None:
    specs = bob.kernelspecs()
    [name] = [key for key, one in specs.items() if one["spec"]["display_name"] == "Python 3.11"]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": CODE, "outputs": []}
    cells = [
        {**cell, "execution_count": None},
        {**cell, "execution_count": None, "id": "b", "source": ""},
    ]
    content = {
        **{"cells": cells, "nbformat": 4, "nbformat_minor": 5},
        "metadata": {"kernelspec": {"name": name, "display_name": "Python 3.11"}},
    }
    model = {"type": "notebook", "format": "json", "content": content}
    answer = bob.server_api("PUT", f"contents/{BOOK}", model)
    assert answer.status_code in (200, 201), answer.text


def open_book(page: Page) -> None:
    go_to(page, f"/user/bob/lab/tree/{BOOK}?reset")
    expect(page.locator(".jp-CodeCell .cm-content").first).to_contain_text("print")
    expect(page.get_by_role("button", name="Python 3.11 | ")).to_be_visible()


def read_and_type(page: Page, bob: Person) -> None:
    """The rest of the output follows, while the user types into another cell and saves."""
    open_book(page)
    output, typed = page.locator(OUTPUT), page.locator(".jp-CodeCell .cm-content").nth(1)
    expect(output).to_contain_text("line 1")
    typed.click()
    page.keyboard.type("typed_meanwhile")
    shown = int(re.findall(r"line (\d+)", output.text_content() or "")[-1])
    expect(output).to_contain_text(f"line {shown + 3}")
    expect(typed).to_have_text("typed_meanwhile")
    page.keyboard.press("Control+s")
    until(lambda: "typed_meanwhile" in str(bob.server_api("GET", f"contents/{BOOK}").json()))
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    page.close()


def busy(bob: Person) -> bool:
    return any(one["execution_state"] == "busy" for one in bob.server_api("GET", "kernels").json())


@pytest.mark.soak
def test_output_of_a_closed_tab_is_there_and_the_notebook_can_be_saved(
    window: BrowserContext, page: Page, demo: Demo
) -> None:
    with logged_in(demo, "bob") as bob:
        assert bob.start("large")[-1].get("ready")
        write_notebook(bob)
        bob.server_api("DELETE", "contents/stop")
        login(page, demo, "bob")
        page.wait_for_url("**/user/bob/**")
        open_book(page)
        expect(page.get_by_role("button", name="Python 3.11 | Idle")).to_be_visible()
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        expect(page.locator(OUTPUT)).to_contain_text("line 1")
        page.close()
        read_and_type(window.new_page(), bob)
        stop = {"type": "file", "format": "text", "content": ""}
        assert bob.server_api("PUT", "contents/stop", stop).status_code == 201
        until(lambda: not busy(bob))
        again = window.new_page()
        open_book(again)
        expect(again.locator(OUTPUT)).to_contain_text("end")
        *lines, end = (again.locator(OUTPUT).text_content() or "").splitlines()
        assert lines == [f"line {i}" for i in range(len(lines))] and end == "end"
        expect(again.locator(".jp-CodeCell .cm-content").nth(1)).to_have_text("typed_meanwhile")
        again.locator(".jp-CodeCell .cm-content").first.click()
        again.keyboard.press("Control+End")
        again.keyboard.type("  # changed")
        with again.expect_response(
            lambda response: response.request.method == "PUT" and BOOK in response.url
        ) as saved:
            again.keyboard.press("Control+s")
        assert saved.value.status == 200
        expect(again.locator(".jp-Dialog")).to_have_count(0)
        for name in (BOOK, "stop"):
            bob.server_api("DELETE", f"contents/{name}")
