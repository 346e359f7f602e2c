"""What is kept of a kernel's outputs, and which cells of a notebook get them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from sitekit.session.outputs import kernel_outputs
from sitekit.session.outputs.kernel_outputs import (
    AT_ONCE,
    LEFT,
    MOST,
    MOST_RUNS,
    NOT_KEPT,
    KernelOutputs,
)
from sitekit.session.outputs.notebook_cells import put_outputs


class Kernel:
    """Sends messages to the outputs that are kept, as a kernel does."""

    def __init__(self) -> None:
        self.outputs = KernelOutputs()

    def send(self, run: str, kind: str, size: int = 100, **content: Any) -> None:
        self.outputs.receive(run, kind, lambda: content, size)

    def start(self, run: str, cell: str = "a", code: str = "x", count: int = 1) -> None:
        self.outputs.ask(run, cell, code, "page")
        self.send(run, "execute_input", execution_count=count)

    def print(self, run: str, text: str, name: str = "stdout") -> None:
        self.send(run, "stream", len(text), name=name, text=text)

    def end(self, run: str) -> None:
        self.send(run, "status", execution_state="idle")

    def texts(self, run: str) -> list[str]:
        return [one["text"] for one in self.outputs.runs[run].outputs()]


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    usual = {"cell_type": "code", "source": "x", "outputs": ["old"], "execution_count": 7}
    return {"cells": [{**usual, **cell} for cell in cells]}


def test_a_stream_is_one_output_until_another_comes_between() -> None:
    kernel = Kernel()
    kernel.start("1")
    for name, text in (("stdout", "a\nb"), ("stdout", "c\n"), ("stderr", "e"), ("stdout", "d")):
        kernel.print("1", text, name)
    assert kernel.texts("1") == ["a\nbc\n", "e", "d"]


def test_a_progress_bar_stays_one_line_and_needs_no_more_room() -> None:
    kernel = Kernel()
    kernel.start("1")
    for percent in range(5_000):
        kernel.print("1", f"\r{percent:06} " + "#" * 300)
    assert kernel.outputs.runs["1"].size < 10_000
    kernel.print("1", "\nab\b\bcd\r\n")
    assert kernel.texts("1") == ["004999 " + "#" * 300 + "\ncd\r\n"]


def test_cleared_outputs_are_gone_at_once_or_with_the_next_output() -> None:
    kernel = Kernel()
    kernel.start("1")
    kernel.print("1", "a")
    kernel.send("1", "clear_output", wait=True)
    assert kernel.texts("1") == ["a"]
    kernel.print("1", "b")
    assert kernel.texts("1") == ["b"]
    kernel.send("1", "clear_output", wait=False)
    assert kernel.texts("1") == []


def test_what_an_output_widget_shows_is_not_the_cells() -> None:
    kernel = Kernel()
    kernel.start("1")
    for shown in ("1", ""):
        state = {"method": "update", "state": {"msg_id": shown}}
        kernel.send("1", "comm_msg", comm_id="w", data=state)
        kernel.print("1", f"{shown or 'cell'}")
    assert kernel.texts("1") == ["cell"]


def test_more_than_the_limit_is_not_kept_and_the_output_says_so() -> None:
    kernel = Kernel()
    kernel.start("1")
    kernel.outputs.page_leaves("page", last=True)
    for _ in range(2 * MOST // 1_000_000):
        kernel.print("1", "x" * 999_999 + "\n")
    kept, said = kernel.texts("1")
    assert 0.8 * MOST < len(kept) <= MOST and said == NOT_KEPT


def test_the_server_does_not_shorten_what_a_page_may_have_saved() -> None:
    kernel = Kernel()
    kernel.start("1")
    for _ in range(2 * MOST // 1_000_000):
        kernel.print("1", "x" * 1_000_000)
    assert not kernel.outputs.runs


def test_a_queue_of_requests_without_end_is_not_kept() -> None:
    kernel = Kernel()
    for number in range(2 * MOST_RUNS):
        kernel.outputs.ask(str(number), str(number), "x", "page")
    assert len(kernel.outputs.runs) == MOST_RUNS


def test_a_run_is_forgotten_when_its_page_has_saved_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_outputs, "SAVED_AFTER", -1.0)
    kernel = Kernel()
    for run, cell in (("ended", "a"), ("running", "b")):
        kernel.start(run, cell)
    kernel.end("ended")
    kernel.outputs.page_saved(time.monotonic())
    assert list(kernel.outputs.runs) == ["running"]


def test_a_page_that_missed_outputs_does_not_save_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_outputs, "SAVED_AFTER", -1.0)
    kernel = Kernel()
    kernel.start("1")
    kernel.outputs.page_leaves("page", last=True)
    kernel.end("1")
    kernel.outputs.page_returns("another page", received=False)
    kernel.outputs.page_saved(time.monotonic())
    assert "1" in kernel.outputs.unwritten()
    kernel.outputs.page_returns("page", received=True)
    kernel.outputs.page_saved(time.monotonic())
    assert not kernel.outputs.runs


def test_a_run_that_did_not_begin_changes_nothing() -> None:
    kernel = Kernel()
    kernel.outputs.ask("1", "a", "x", "page")
    assert not kernel.outputs.unwritten()
    kernel.end("1")  # after the error of an earlier cell
    assert not kernel.outputs.runs


def test_only_the_cell_that_ran_is_changed_and_older_runs_do_not_count() -> None:
    kernel = Kernel()
    kernel.start("1", "a", count=8)
    kernel.print("1", "first")
    kernel.start("2", "a", count=9)
    kernel.print("2", "second")
    book = notebook({"id": "b"}, {"id": "a"})
    assert put_outputs(book, kernel.outputs.unwritten()) == {"2"}
    assert book["cells"][0]["outputs"] == ["old"]
    assert [one["text"] for one in book["cells"][1]["outputs"]] == ["second"]
    assert book["cells"][1]["execution_count"] == 9


@pytest.mark.parametrize(
    "cells",
    [
        [{"id": "b"}],
        [{}],
        [{"id": "a", "source": "y"}],
        [{"id": "a", "cell_type": "markdown"}],
        [{"id": "a"}, {"id": "a"}],
    ],
    ids=["no cell", "no ids", "another text", "no code", "two cells"],
)
def test_a_notebook_without_the_cell_that_ran_is_left_alone(cells: list[dict[str, Any]]) -> None:
    kernel = Kernel()
    kernel.start("1")
    kernel.print("1", "x")
    book = notebook(*cells)
    assert put_outputs(book, kernel.outputs.unwritten()) == set() and book == notebook(*cells)


def test_outputs_that_the_user_has_cleared_since_do_not_come_back() -> None:
    kernel = Kernel()
    kernel.start("1", count=8)
    run = kernel.outputs.runs["1"]
    run.written = run.changes
    kernel.print("1", "x")
    cleared = notebook({"id": "a", "outputs": [], "execution_count": None})
    assert put_outputs(cleared, kernel.outputs.unwritten()) == set()
    assert put_outputs(notebook({"id": "a", "execution_count": 8}), kernel.outputs.runs) == {"1"}


def test_a_page_gets_many_runs_in_several_answers() -> None:
    """Its requests name what it has in their URL, which must not become long."""
    kernel, have, got = Kernel(), {}, []
    for number in range(3 * AT_ONCE):
        kernel.start(str(number), f"cell {number}")
        kernel.print(str(number), "a\n")
        kernel.end(str(number))
    kernel.outputs.page_leaves("page", last=True)
    running = True
    while running:
        told = kernel.outputs.for_page("new", have)
        assert len(told["runs"]) <= AT_ONCE and len(json.dumps(have)) < 2000
        have = {run["id"]: run["changes"] for run in told["runs"]}
        got += [run["id"] for run in told["runs"]]
        running = told["running"]
    assert got == [str(number) for number in range(3 * AT_ONCE)]


def test_a_run_that_a_page_does_not_take_is_not_sent_again_and_is_kept() -> None:
    kernel = Kernel()
    kernel.start("1")
    kernel.print("1", "a\n")
    kernel.outputs.page_leaves("page", last=True)
    kernel.end("1")
    assert kernel.outputs.for_page("new", {"1": LEFT}) == {"runs": [], "running": False}
    kernel.outputs.page_saved(time.monotonic() + 60)
    assert list(kernel.outputs.unwritten()) == ["1"]


def test_too_much_output_of_a_run_that_no_page_receives_is_cut_while_another_page_is_connected() -> (
    None
):
    kernel = Kernel()
    kernel.start("1")
    kernel.outputs.page_leaves("page", last=True)
    kernel.outputs.page_returns("new", received=False)
    kernel.print("1", "a\n")
    kernel.print("1", "x" * MOST)
    [run] = kernel.outputs.for_page("new", {})["runs"]
    assert [one["text"] for one in run["outputs"]] == ["a\n", NOT_KEPT]


def test_a_page_gets_the_outputs_that_no_page_receives_and_saves_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel_outputs, "SAVED_AFTER", -1.0)
    kernel = Kernel()
    for run, cell in (("1", "a"), ("2", "b")):
        kernel.start(run, cell)
    kernel.outputs.ask("3", "c", "x", "page")
    kernel.outputs.runs["2"].page = "another page that stays"
    kernel.outputs.page_leaves("page", last=True)
    kernel.print("1", "first\n")
    told = kernel.outputs.for_page("new", {})
    [run] = told["runs"]
    assert (run["id"], run["cell"], run["code"], run["ended"]) == ("1", "a", "x", False)
    assert [one["text"] for one in run["outputs"]] == ["first\n"] and told["running"]
    assert kernel.outputs.for_page("new", {"1": run["changes"]})["runs"] == []
    kernel.end("1")
    kernel.end("3")
    [run] = kernel.outputs.for_page("new", {"1": run["changes"]})["runs"]
    assert run["ended"]
    kernel.outputs.page_saved(time.monotonic())
    assert "1" in kernel.outputs.runs, "the page may not have received it"
    told = kernel.outputs.for_page("new", {"1": run["changes"]})
    assert told == {"runs": [], "running": False}
    kernel.outputs.page_saved(time.monotonic())
    assert list(kernel.outputs.runs) == ["2"]


def test_a_page_that_does_not_save_what_it_got_leaves_it_to_the_server() -> None:
    kernel = Kernel()
    kernel.start("1")
    kernel.outputs.page_leaves("page", last=True)
    kernel.end("1")
    [run] = kernel.outputs.for_page("new", {})["runs"]
    kernel.outputs.for_page("new", {"1": run["changes"]})
    kernel.outputs.page_leaves("new", last=True)
    kernel.outputs.page_saved(time.monotonic() + 60)
    assert "1" in kernel.outputs.unwritten()
