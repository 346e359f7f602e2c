"""Outputs of cells whose notebook no page shows: a server in a release's Python, its kernels, and
the notebooks' files."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
import session_parts as parts
import websocket
from session_parts import Server, session, until

SLOW = """import os, time
for i in range(8):
    print(i, flush=True)
    while i == 2 and not os.path.exists("go on"):
        time.sleep(0.05)
print('end')"""
"""Goes on after its third line when go_on() was called."""
ALL = "".join(f"{i}\n" for i in range(8)) + "end\n"
CODES = {
    "slow": SLOW,
    "bar": "import sys\nfor i in range(3): print(f'\\r{i}', end='', flush=True)\nprint(' of 3')",
    "rich": "from IPython.display import *\nh = display(HTML('<b>1</b>'), display_id=True)\n"
    "h.update(HTML('<b>2</b>'))\n6 * 7",
    "clear": "print('old')\nclear_output()\nprint('new', file=sys.stderr)",
    "other": "print('of the text that ran')",
    "gone": "print('of a cell that is not in the file')",
    "error": "1 / 0",
    "never": "print('after an error')",
}
# the server's pings keep a connection's own time limit from being reached
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def running(hub_environment: None) -> Iterator[Server]:
    with session() as (_, server):
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The server; the kernels of SLOW wait for go_on() again."""
    (running.home / "go on").unlink(missing_ok=True)
    return running


def go_on(server: Server) -> None:
    (server.home / "go on").touch()


class Book:
    """A notebook with a kernel, and the pages that show it."""

    def __init__(self, server: Server, name: str, codes: dict[str, str]) -> None:
        self.server, self.file, self.codes = server, server.home / name, codes
        old = {"output_type": "stream", "name": "stdout", "text": ["of an earlier run\n"]}
        cells = [
            {
                **{"cell_type": "code", "id": cell, "metadata": {}, "execution_count": 99},
                **{"source": code.splitlines(keepends=True), "outputs": [old]},
            }
            for cell, code in codes.items()
        ]
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.file.write_text(json.dumps(content))
        asked = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "own"}}
        self.kernel = server.ask("POST", "api/sessions", asked)["kernel"]["id"]

    def page(self, session_id: str = "") -> websocket.WebSocket:
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.server.port}/user/u/api/kernels/{self.kernel}/channels"
            f"?session_id={session_id or uuid.uuid4().hex}",
            header={"Authorization": f"token {parts.USER_TOKEN}"},
            timeout=180,
        )

    def run(self, page: websocket.WebSocket, cell: str, code: str | None = None) -> None:
        header = {"msg_id": uuid.uuid4().hex, "username": "", "session": uuid.uuid4().hex}
        content = {"code": code or self.codes[cell], "silent": False, "allow_stdin": False}
        message = {
            "header": {**header, "version": "5.3", "date": "", "msg_type": "execute_request"},
            **{"parent_header": {}, "metadata": {"cellId": cell}, "buffers": []},
            **{"content": {**content, "stop_on_error": True}, "channel": "shell"},
        }
        page.send(json.dumps(message))

    def cell(self, cell: str) -> dict[str, Any]:
        [found] = [one for one in json.loads(self.file.read_text())["cells"] if one["id"] == cell]
        return found

    def printed(self, cell: str) -> str:
        return "".join("".join(one.get("text", "")) for one in self.cell(cell)["outputs"])

    def kinds(self, cell: str) -> list[str]:
        return [one["output_type"] for one in self.cell(cell)["outputs"]]

    def idle(self) -> bool:
        return self.server.ask("GET", f"api/kernels/{self.kernel}")["execution_state"] == "idle"


def wait_for(page: websocket.WebSocket, text: str) -> None:
    """Read messages until a cell has printed this line, which can come in several messages."""
    printed = ""
    while f"{text}\n" not in printed:
        printed += json.loads(page.recv())["content"].get("text", "")


def test_outputs_after_the_page_was_closed_are_in_the_notebook(server: Server) -> None:
    book = Book(server, "closed.ipynb", {c: x for c, x in CODES.items() if c != "gone"})
    whole = json.loads(book.file.read_text())
    book.codes = CODES
    with closing(book.page()) as page:
        for cell in CODES:
            book.run(page, cell, "print('of another text')" if cell == "other" else None)
        wait_for(page, "2")
    until(lambda: not connections(book), server.said)
    go_on(server)
    until(lambda: book.kinds("error") == ["error"], server.said)
    assert book.printed("slow") == ALL and len(book.cell("slow")["outputs"]) == 1
    assert book.cell("slow")["execution_count"] == 1
    assert book.printed("bar") == "2 of 3\n"
    html, result = book.cell("rich")["outputs"]
    assert html["data"]["text/html"] == ["<b>2</b>"] and html["output_type"] == "display_data"
    assert (result["data"]["text/plain"], result["execution_count"]) == (["42"], 3)
    assert [one["name"] for one in book.cell("clear")["outputs"]] == ["stderr"]
    error = book.cell("error")["outputs"][0]
    assert error["ename"] == "ZeroDivisionError" and "by zero" in "".join(error["traceback"])
    for cell in ("never", "other"):
        assert book.printed(cell) == "of an earlier run\n"
    lacks = "'closed.ipynb': it does not have the cell that ran"
    until(lambda: lacks in server.said(), server.said)
    assert server.said().count(lacks) == 1
    now = json.loads(book.file.read_text())
    for one in (*now["cells"], *whole["cells"]):
        del one["outputs"], one["execution_count"]
    assert now == whole


def test_while_a_page_shows_the_notebook_the_server_does_not_write(server: Server) -> None:
    book = Book(server, "shown.ipynb", {"slow": SLOW})
    before = book.file.read_bytes()
    second = book.page()
    with closing(book.page()) as first:
        book.run(first, "slow")
        wait_for(first, "2")
    until(lambda: connections(book) == 1, server.said)
    go_on(server)
    wait_for(second, "end")
    until(book.idle, server.said)
    time.sleep(2)  # the server would write after a second
    assert book.file.read_bytes() == before
    second.close()
    until(lambda: book.printed("slow") == ALL, server.said)


def test_a_page_that_opens_a_notebook_gets_the_rest_and_the_file_stays_its_own(
    server: Server,
) -> None:
    book = Book(server, "opened.ipynb", {"slow": SLOW})
    with closing(book.page()) as page:
        book.run(page, "slow")
        wait_for(page, "2")
    until(lambda: not connections(book), server.said)
    server.ask("GET", "api/contents/opened.ipynb?content=1&type=notebook")
    known = book.file.read_bytes()
    asked = f"sitekit/outputs?kernel={book.kernel}&page=new"
    assert server.ask("GET", asked) == {"runs": [], "running": True}
    with closing(book.page("new")):
        go_on(server)
        told = until(
            lambda: next((one for one in server.ask("GET", asked)["runs"] if one["ended"]), None)
        )
        assert (told["cell"], told["code"], told["count"]) == ("slow", SLOW, 1)
        assert [one["text"] for one in told["outputs"]] == [ALL]
        have = quote(json.dumps({told["id"]: told["changes"]}))
        assert server.ask("GET", f"{asked}&have={have}") == {"runs": [], "running": False}
        assert book.file.read_bytes() == known
    for wrong in (f"{asked}&have=[]", f"{asked}&have=x", "sitekit/outputs"):
        with pytest.raises(HTTPError, match="400"):
            server.ask("GET", wrong)
    unknown = server.ask("GET", "sitekit/outputs?kernel=unknown&page=new")
    assert unknown == {"runs": [], "running": False}


def test_a_page_whose_connection_was_lost_finds_its_file_until_another_reads_it(
    server: Server,
) -> None:
    book = Book(server, "lost.ipynb", {"slow": SLOW})
    before = book.file.read_bytes()
    page = book.page("laptop")
    book.run(page, "slow")
    wait_for(page, "2")
    page.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: not connections(book), server.said)
    go_on(server)
    until(book.idle, server.said)
    with closing(book.page("laptop")) as back:
        wait_for(back, "end")
        assert book.file.read_bytes() == before
        back.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: not connections(book), server.said)
    time.sleep(2)
    assert book.file.read_bytes() == before
    read = server.ask("GET", "api/contents/lost.ipynb?content=1&type=notebook")
    [cell] = read["content"]["cells"]
    assert cell["outputs"][0]["text"] == ALL == book.printed("slow")


def connections(book: Book) -> int:
    return int(book.server.ask("GET", f"api/kernels/{book.kernel}")["connections"])


def test_a_page_that_has_just_read_the_notebook_owns_the_file(server: Server) -> None:
    book = Book(server, "read.ipynb", {"slow": SLOW})
    with closing(book.page()) as page:
        book.run(page, "slow")
        wait_for(page, "2")
    until(lambda: not connections(book), server.said)
    server.ask("GET", "api/contents/read.ipynb?content=1&type=notebook")
    known = book.file.read_bytes()
    assert book.printed("slow") == "0\n1\n2\n"
    go_on(server)
    until(book.idle, server.said)
    time.sleep(2)
    assert book.file.read_bytes() == known
    book.page().close()
    until(lambda: book.printed("slow") == ALL, server.said)


def test_a_file_that_is_gone_or_damaged_is_left_as_it_is_and_one_that_has_moved_is_written(
    server: Server,
) -> None:
    names = ("gone", "damaged", "old-name")
    gone, damaged, moved = (Book(server, f"{name}.ipynb", {"slow": SLOW}) for name in names)
    for book in (gone, damaged, moved):
        with closing(book.page()) as page:
            book.run(page, "slow")
            wait_for(page, "2")
        until(lambda book=book: not connections(book), server.said)
    gone.file.unlink()
    damaged.file.write_text("{")
    server.ask("PATCH", "api/contents/old-name.ipynb", {"path": "new-name.ipynb"})
    moved.file = moved.file.with_name("new-name.ipynb")
    go_on(server)
    for book in (gone, damaged):
        until(lambda book=book: f"'{book.file.name}' are not written" in server.said(), server.said)
    assert not gone.file.exists() and damaged.file.read_text() == "{"
    until(lambda: moved.printed("slow") == ALL, server.said)
    sessions = server.ask("GET", "api/sessions")
    [path] = [one["path"] for one in sessions if one["kernel"]["id"] == moved.kernel]
    assert path == "new-name.ipynb"


def test_the_servers_end_writes_what_a_cell_has_printed_until_then(server: Server) -> None:
    book = Book(server, "end.ipynb", {"slow": SLOW})
    with closing(book.page()) as page:
        book.run(page, "slow")
        wait_for(page, "2")
    until(lambda: not connections(book), server.said)
    server.process.terminate()
    assert server.ends() == 0, server.said()
    assert book.printed("slow") == "0\n1\n2\n" and book.cell("slow")["execution_count"] == 1
