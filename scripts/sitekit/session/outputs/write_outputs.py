"""Write the outputs of a kernel's cells into their notebook's file while no page shows the notebook.

If a page is connected to the kernel, only the page writes the file, and the server writes nothing.
If no page is connected, the server writes before a page reads the notebook, and when the kernel is
shut down. If the user has closed the last page, the server also writes when a cell ends, and every
30 seconds. If a page has only lost its connection, the server does not write at these times,
because the page can connect again and receive the outputs. If the server had written, the page
would report that the file was changed on disk.
"""

from __future__ import annotations

import asyncio
import json
import time
import weakref
from typing import Any

from jupyter_core.utils import ensure_async

from ..overrides.one_writer_per_notebook import Contents
from .kernel_outputs import KernelOutputs
from .notebook_cells import put_outputs

EVERY = 30.0
SOON = 1.0
"""The outputs of cells that end within this many seconds are written together."""
ARRIVES = 60.0
"""A page that has read a notebook is expected to connect to the kernel within this many seconds."""
AT_THE_END = 10.0
"""The longest time, in seconds, that a kernel's shutdown waits until the file is written."""
LARGEST = 50_000_000
"""The server writes no outputs into a notebook with more bytes than this, because the server would
need several times as much memory."""
CLOSED = (1000, 1001)
"""The codes with which a browser closes the WebSocket of a page that is closed (RFC 6455, 7.4.1)."""


class Refused(Exception):
    """Report that the server must not write this notebook. The exception's text is the reason."""


class Writer:
    """Hold the outputs of one kernel and the pages that are connected to the kernel, and decide
    when the outputs are written."""

    def __init__(self, kernel: Any, contents: Contents) -> None:
        self._kernel, self._contents = kernel, contents
        self.outputs = KernelOutputs(self._write_soon)
        self._pages: weakref.WeakSet[Any] = weakref.WeakSet()
        self._left = ""
        self._left_at = self._read_at = -ARRIVES
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._said: set[str] = set()
        self._failures = 0  # failed attempts to write since the last successful attempt
        self._stream = kernel.connect_iopub()
        # This stream needs a session of its own, as Jupyter Server's streams have, because a
        # session reads each message only once.
        self._session = type(kernel.session)(config=kernel.session.config, key=kernel.session.key)
        self._stream.on_recv(self._receive)

    def page_comes(self, page: Any) -> None:
        """Record that a page connects to the kernel. From now on only the page writes the file."""
        received = not self._pages and self._left == page.session_key
        self._pages.add(page)
        self._read_at = -ARRIVES
        self.outputs.page_returns(page.session_key, received)

    def page_goes(self, page: Any, code: int | None) -> None:
        """Record that a page is no longer connected. `code` is the status code with which the page
        has closed its WebSocket."""
        if page not in self._pages:
            return
        self._pages.discard(page)
        self._left, self._left_at = page.session_key, time.monotonic()
        self._closed = code in CLOSED
        self.outputs.page_leaves(page.session_key, last=not self._pages)
        self._write_soon()

    def for_page(self, page: str, have: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs that a page does not have. If the page is not connected to the kernel
        yet, return no outputs."""
        if page not in [one.session_key for one in self._pages]:
            return {"runs": [], "running": True}  # the page's connection is not complete yet
        return self.outputs.for_page(page, have)

    async def sessions(self) -> list[dict[str, Any]]:
        """Return all sessions of the server, which name the notebook of each kernel."""
        manager = self._kernel.parent.parent.session_manager
        return list(await ensure_async(manager.list_sessions()))

    async def follow(self, old: str, new: str, sessions: list[dict[str, Any]]) -> None:
        """Change the path in the session of this kernel's notebook, after a file or a folder was
        renamed. If a page shows the notebook, the page changes the path, and this function does
        nothing."""
        manager = self._kernel.parent.parent.session_manager
        for one in [] if self._pages else sessions:
            path = str(one["path"]).strip("/")
            own = one["type"] == "notebook" and one["kernel"]["id"] == self._kernel.kernel_id
            if own and f"{path}/".startswith(f"{old}/"):
                moved = new + path[len(old) :]
                name = moved.rpartition("/")[2]
                await ensure_async(manager.update_session(one["id"], path=moved, name=name))

    def path(self, sessions: list[dict[str, Any]]) -> str | None:
        """Return the path of the kernel's notebook. Return None if several notebooks use this
        kernel, or if the notebook has several kernels."""
        books = [one for one in sessions if one["type"] == "notebook"]
        own = [one["path"] for one in books if one["kernel"]["id"] == self._kernel.kernel_id]
        if len(own) != 1 or [one["path"] for one in books].count(own[0]) != 1:
            return None
        return str(own[0]).strip("/")

    async def before_read(self, will_connect: bool) -> None:
        """Write the outputs before a page reads the notebook. A page that reads the notebook will
        probably connect to the kernel."""
        await self._write()
        if will_connect and not self._pages:
            self._read_at = time.monotonic()

    async def end(self) -> None:
        """Write the outputs of a kernel that is shut down or restarted. Nothing is written if the
        last page has lost its connection less than ARRIVES seconds ago, but was not closed. In this
        case, the server may be ending while the page still shows the notebook."""
        self._stream.flush()
        self.outputs.end_all()
        # also write if a page has just read the notebook; otherwise the outputs would be lost
        self._read_at = -ARRIVES
        if self._closed or time.monotonic() - self._left_at > ARRIVES:
            try:
                await asyncio.wait_for(self._write(), AT_THE_END)
            except asyncio.TimeoutError:
                self._say("the outputs of a notebook could not be written in time")

    def close(self) -> None:
        """Stop listening to the kernel."""
        if not self._stream.closed():
            self._stream.close()

    def _receive(self, parts: list[Any]) -> None:
        try:
            _, fed = self._session.feed_identities(parts)
            message = self._session.deserialize(fed, content=False)
            self.outputs.receive(
                message["parent_header"].get("msg_id", ""),
                message["header"]["msg_type"],
                lambda: self._unpack(bytes(message["content"])),
                sum(len(part) for part in fed),
            )
        except Exception as trouble:  # a kernel can send messages of any content
            self._say(f"a kernel's message cannot be kept for its notebook: {trouble!r}")

    def _unpack(self, packed: bytes) -> Any:
        """Return a message's content. Half of a surrogate pair, which is not allowed in a file, is
        replaced by a question mark."""
        content = self._session.unpack(packed)
        if rb"\ud" in packed or rb"\uD" in packed:
            text = json.dumps(content, ensure_ascii=False)
            content = json.loads(text.encode("utf-8", "replace"))
        return content

    def _write_soon(self, seconds: float = SOON) -> None:
        """Write the outputs after at most this many seconds, if the user has closed the last
        page."""
        if self._pages or not self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.ensure_future(self._write_and_repeat())

    async def _write_and_repeat(self) -> None:
        began = time.monotonic()
        await self._write()
        if self.outputs.runs:
            # A large notebook on a slow filesystem is written less often. If writing fails, for
            # example because the disk is full, the server tries again after longer pauses.
            pause = EVERY * 2 ** min(self._failures, 5)
            self._write_soon(max(pause, 20 * (time.monotonic() - began)))

    def _may_write(self) -> bool:
        """Return True if no page shows the notebook, and no page has read the notebook in the last
        ARRIVES seconds to show it."""
        return not self._pages and time.monotonic() - self._read_at > ARRIVES

    async def _write(self) -> None:
        """Write the outputs that are not yet in the file. If a page shows the notebook, write
        nothing."""
        path = None
        try:
            if self.outputs.unwritten() and self._may_write():
                sessions = await self.sessions()
                path = self.path(sessions)
                if path is not None:
                    self._refuse_second_path(path, sessions)
                    async with self._contents.held(path):
                        await self._write_into(path)
            self._failures = 0
        except Exception as trouble:  # a failure must not end the server or a page's request
            self._failures += 1
            kind = f"{path} {type(trouble).__name__} {getattr(trouble, 'status_code', '')}"
            self._say(f"the outputs of {path!r} are not written: {trouble}", kind)

    def _refuse_second_path(self, path: str, sessions: list[dict[str, Any]]) -> None:
        """Raise Refused if another session uses another path (a link) of the same file. A page may
        show the notebook under the other path."""
        key = self._contents.key
        own = key(path)
        if [key(one["path"]) for one in sessions if one["type"] == "notebook"].count(own) > 1:
            raise Refused("it is also open under another name")

    async def _write_into(self, path: str) -> None:
        if not self.outputs.unwritten() or not self._may_write():
            return
        about = await self._contents.get(path, content=False)
        if about["type"] != "notebook" or not about["writable"]:
            raise Refused("it cannot be changed")
        if (about.get("size") or 0) > LARGEST:
            raise Refused("it is too large")
        model = await self._contents.read_notebook(path)
        if model.get("message"):
            raise Refused("it is not valid")
        runs = self.outputs.unwritten()
        changes = {message: run.changes for message, run in runs.items()}
        put = put_outputs(model["content"], runs)
        for message in set(runs) - put:
            self.outputs.forget(message)
            self._say(f"outputs are not written into {path!r}: it does not have the cell that ran")
        now = await self._contents.get(path, content=False)
        if put and self._may_write() and now["last_modified"] == model["last_modified"]:
            save = {"type": "notebook", "format": "json", "content": model["content"]}
            await self._contents.save(save, path)
            self._note_written({message: changes[message] for message in put})

    def _note_written(self, changes: dict[str, int]) -> None:
        for message, count in changes.items():
            run = self.outputs.runs.get(message)
            if run is not None:
                run.written = count
                if run.ended is not None and run.changes == count:
                    self.outputs.forget(message)

    def _say(self, line: str, kind: str = "") -> None:
        """Log a line, unless the same line was logged before. Of several lines of the same `kind`,
        only the first is logged."""
        if (kind or line) not in self._said and len(self._said) < 100:
            self._said.add(kind or line)
            self._kernel.log.warning("sitekit: %s", line.replace("\n", " "))
