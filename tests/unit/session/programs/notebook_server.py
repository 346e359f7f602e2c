"""A contents manager in a folder, with notebooks, kernels and pages, without a server's sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.session import Session
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from sitekit.session.outputs.notebook_outputs import NotebookOutputs

SOURCE = "the_text_that_runs()"
NOBODY = 65534


class Stream:
    def on_recv(self, receive: Callable[[list[bytes]], None]) -> None:
        self.receive = receive

    def flush(self) -> None: ...

    def closed(self) -> bool:
        return True


class Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Page:
    """A page that is connected to a kernel."""

    def __init__(self, key: str) -> None:
        self.session_key = key


class Kernel:
    """A kernel whose messages the test writes; and the sessions of its server."""

    def __init__(self, number: str, sessions: list[dict[str, Any]]) -> None:
        self.kernel_id, self.session, self.stream = number, Session(key=b"secret"), Stream()
        self.parent = self.session_manager = self
        self.log = logging.getLogger("kernel")
        self.session.pack = lambda content: json.dumps(content, default=str).encode()
        self._sessions = sessions

    def connect_iopub(self) -> Stream:
        return self.stream

    def add_restart_callback(self, *_: Any) -> None: ...

    async def list_sessions(self) -> list[dict[str, Any]]:
        return self._sessions

    async def update_session(self, number: str, path: str, name: str) -> None:
        [found] = [one for one in self._sessions if one["id"] == number]
        found.update(path=path, name=name)

    def send(self, parent: str, kind: str, **content: Any) -> None:
        message = self.session.msg(kind, content, parent={"msg_id": parent, "session": "s"})
        self.stream.receive(self.session.serialize(message))


class Server:
    """A folder with notebooks, the contents manager, and kernels."""

    def __init__(self, folder: Path, **manager: Any) -> None:
        self.folder, self.sessions = folder, []
        self.manager = AsyncLargeFileManager(root_dir=str(folder), delete_to_trash=False, **manager)
        self.outputs = NotebookOutputs(self.manager)
        self.kernels: dict[str, Kernel] = {}

    def open(self, path: str, file: str | None = None, **cell: Any) -> None:
        """A notebook with a kernel; a page runs its cell, which prints "old"."""
        write(self.folder / (file or path), **cell)
        number = f"k{len(self.sessions)}"
        kernel = self.kernels[path] = Kernel(number, self.sessions)
        self.sessions.append(
            {"id": number, "path": path, "type": "notebook", "kernel": {"id": number}}
        )
        self.page = Page(number)
        self.writer(path).page_comes(self.page)
        self.writer(path).outputs.ask("run", "a", SOURCE, number)
        kernel.send("run", "execute_input", execution_count=1)

    def writer(self, path: str) -> Any:
        return self.outputs.writer(self.kernels[path], make=True)

    def print(self, path: str, text: str = "printed\n") -> None:
        self.kernels[path].send("run", "stream", name="stdout", text=text)

    def end_cell(self, path: str) -> None:
        self.kernels[path].send("run", "status", execution_state="idle")

    def close_page(self, path: str) -> None:
        self.writer(path).page_goes(self.page, 1001)

    def close(self) -> None:
        for path in self.kernels:
            if timer := self.writer(path)._timer:
                timer.cancel()

    async def write(self, path: str) -> None:
        await self.writer(path)._write()


def write(file: Path, source: str = SOURCE, more: int = 0) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": []}
    filling = {"cell_type": "raw", "id": "b", "metadata": {}, "source": "x" * more}
    cells = [{**cell, "execution_count": None}, filling]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    file.write_text(json.dumps(content))


def printed(file: Path) -> str:
    """Return what the notebook's first cell has printed."""
    cell = json.loads(file.read_text())["cells"][0]
    return "".join("".join(one["text"]) for one in cell["outputs"])


async def started(server: Server, path: str = "x.ipynb", **cell: Any) -> Path:
    server.open(path, **cell)
    server.print(path)
    server.close_page(path)
    return server.folder / path


def save_slowly(server: Server, patience: float = 0.5) -> asyncio.Event:
    """Let the server's own saves take time; return an event that is set when one has begun."""
    begun, save = asyncio.Event(), server.outputs._contents.save

    async def slow(model: Any, path: str) -> Any:
        begun.set()
        await asyncio.sleep(patience)
        return await save(model, path)

    server.outputs._contents.save = slow
    return begun


@contextlib.contextmanager
def files_of_at_most(size: int) -> Any:
    """Make longer files fail as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
