"""Keep the outputs of a kernel's cells until a page or the server has written them to the file.

The outputs of a run are kept from the start of the run, even if a page shows the notebook. The
reason is that the user can close the page before the page has saved all outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .cell_run import OVERHEAD, CellRun

MOST = 10_000_000
"""The largest size of the outputs that are kept for one kernel, in bytes."""
MOST_RUNS = 1000
SAVED_AFTER = 5.0
"""If a page saves a notebook more than this many seconds after the end of a run, the server assumes
that the page has received all outputs of the run."""
NOT_KEPT = (
    "The rest of this output was not kept: while no page shows a notebook, the server keeps "
    f"{MOST // 1_000_000} MB of the outputs of its cells.\n"
)
LEFT = "left"
"""A page sends this word for a run if the page does not put the run's outputs into its notebook.
The page does not put them there if the cell has another text in this page, or if the page runs the
cell itself."""
AT_ONCE = 50
"""The largest number of runs in one answer to a page. The URL of the page's next request names
these runs. Web servers allow URLs of at most 8 kB."""
SHOWN = ("execute_result", "display_data", "error")
OF_A_CELL = (*SHOWN, "stream", "clear_output", "update_display_data", "execute_input", "status")
MOST_WIDGETS = 1000


class KernelOutputs:
    """Keep the runs of one kernel's cells. The key of a run is the id of the message that requested
    the run."""

    def __init__(self, on_end: Callable[[], None] = lambda: None) -> None:
        self.runs: dict[str, CellRun] = {}
        self.watched = True  # whether a page shows the notebook
        self._on_end = on_end
        self._last: dict[str, str] = {}  # maps ids of cells to the id of the cell's last run
        self._full: set[str] = set()
        self._size = 0
        self._widgets: dict[str, str] = {}

    def ask(self, message: str, cell: str, code: str, page: str) -> None:
        """Record that a page has requested the run of a cell, and forget an earlier run of this
        cell."""
        if earlier := self._last.get(cell):
            self.forget(earlier)
        run = CellRun(cell, code, page)
        self._make_room(run.size)
        if len(self.runs) < MOST_RUNS and self._size + run.size <= MOST:
            self.runs[message], self._last[cell] = run, message
            self._size += run.size

    def forget(self, message: str) -> None:
        if run := self.runs.pop(message, None):
            self._last.pop(run.cell, None)
            self._size -= run.size
            self._full.discard(message)

    def receive(self, parent: str, kind: str, content: Callable[[], Any], size: int) -> None:
        """Process a message that the kernel has published. `content` returns the message's
        content."""
        if kind == "comm_msg":
            self._note_widget(content())
        elif kind == "update_display_data":
            self._update(content(), size)
        elif kind in OF_A_CELL and (run := self.runs.get(parent)):
            if kind in ("execute_input", "status"):
                self._note_state(parent, run, kind, content())
            elif run.count is not None and parent not in self._widgets.values():
                self._add(parent, run, kind, content, size)

    def page_leaves(self, page: str, last: bool) -> None:
        """Record that a page is no longer connected. `last` is True if no other page is
        connected."""
        self.watched = not last
        for run in self.runs.values():
            run.missed = run.missed or run.page == page

    def page_returns(self, page: str, received: bool) -> None:
        """Record that a page connects. `received` is True if the page gets all messages that the
        kernel has sent since the page lost its connection."""
        self.watched = True
        for run in self.runs.values():
            if received and run.page == page:
                run.missed = False

    def for_page(self, page: str, have: Mapping[str, Any]) -> dict[str, Any]:
        """Return, for a connected page, the runs whose outputs no page has completely received. The
        key `running` is true if the page has to send its request again later.

        `have` is what the page already has. `have` maps ids of runs to the value `changes` up to
        which the page has put the outputs into its notebook, or to LEFT. The page saves the outputs
        of the returned runs. At most AT_ONCE runs are returned.
        """
        runs: list[dict[str, Any]] = []
        running = False
        for message, run in self.runs.items():
            known = have.get(message)
            if not run.missed or known == LEFT:
                continue
            if run.count is not None and known != run.changes:
                if len(runs) < AT_ONCE:
                    runs.append({"id": message, **run.as_json()})
            elif run.ended is not None:
                run.missed, run.page, run.ended = False, page, time.monotonic()
            running = running or run.missed
        return {"runs": runs, "running": running}

    def page_saved(self, began: float) -> None:
        """Record that a page has saved the notebook. The file now contains the outputs that the
        page had received. Therefore the server forgets the runs that ended long enough before.
        `began` is the time of the page's request (time.monotonic)."""
        before = began - SAVED_AFTER
        for message, run in list(self.runs.items()):
            if run.ended is not None and run.ended < before and not run.missed:
                self.forget(message)

    def end_all(self) -> None:
        """Mark all runs that the kernel has begun as ended, and forget all other runs. Call this
        function when the kernel has ended."""
        for message, run in list(self.runs.items()):
            if run.count is None:
                self.forget(message)
            else:
                run.end(time.monotonic())

    def unwritten(self) -> dict[str, CellRun]:
        """Return the runs with outputs that are not yet in the notebook's file."""
        return {
            message: run
            for message, run in self.runs.items()
            if run.count is not None and run.changes != run.written
        }

    def _note_state(self, message: str, run: CellRun, kind: str, content: Any) -> None:
        if kind == "execute_input":
            run.begin(content.get("execution_count"))
        elif content.get("execution_state") == "idle" and run.count is None:
            # the kernel did not run the cell, because an earlier cell had failed
            self.forget(message)
        elif content.get("execution_state") == "idle":
            run.end(time.monotonic())
            self._on_end()

    def _add(
        self, message: str, run: CellRun, kind: str, content: Callable[[], Any], size: int
    ) -> None:
        before = run.size
        if kind == "clear_output":
            run.clear(bool(content().get("wait")))
            self._full.discard(message)
        elif message in self._full or not self._fits(message, size):
            return
        elif kind == "stream":
            told = content()
            run.print(str(told["name"]), str(told["text"]))
        else:
            told = content()
            output = _valid_output(kind, told)
            run.show(output, (told.get("transient") or {}).get("display_id"), size)
        self._size += run.size - before

    def _update(self, content: dict[str, Any], size: int) -> None:
        """Change the outputs that have the message's display_id, in all cells."""
        display_id = str((content.get("transient") or {}).get("display_id") or "")
        output = _valid_output("display_data", content)
        new = {key: output[key] for key in ("data", "metadata")}
        for message, run in list(self.runs.items()):
            kept = message in self.runs and message not in self._full and run.has(display_id)
            if kept and self._fits(message, size):
                before = run.size
                run.update(display_id, new, size)
                self._size += run.size - before

    def _fits(self, message: str, size: int) -> bool:
        """Return whether the server can keep an output of this size. If not, the run gets no more
        outputs."""
        self._make_room(size + OVERHEAD, message)
        if self._size + size + OVERHEAD <= MOST:
            return True
        run = self.runs[message]
        if self.watched and not run.missed:
            # The page has possibly saved more of this output than the server would write.
            self.forget(message)
            return False
        self._full.add(message)
        before = run.size
        run.print("stderr", NOT_KEPT)
        self._size += run.size - before
        return False

    def _make_room(self, size: int, running: str = "") -> None:
        """If an output of this size does not fit, forget the ended runs whose outputs a page has
        received."""
        if self._size + size <= MOST and len(self.runs) < MOST_RUNS:
            return
        for message, run in list(self.runs.items()):
            if message != running and run.ended is not None and not run.missed:
                self.forget(message)

    def _note_widget(self, content: dict[str, Any]) -> None:
        """Record for which run an Output widget of ipywidgets shows the outputs in place of the
        cell."""
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(state, dict) or "msg_id" not in state:
            return
        widget = str(content.get("comm_id"))
        self._widgets.pop(widget, None)
        if state["msg_id"] and len(self._widgets) < MOST_WIDGETS:
            self._widgets[widget] = str(state["msg_id"])


def _valid_output(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return a message's output in the form of a notebook's file. Raise an error if this output is
    not allowed in a notebook. Otherwise, JupyterLab would report that the notebook is not valid."""
    from nbformat.v4 import output_from_msg

    return dict(output_from_msg({"header": {"msg_type": kind}, "content": content}))
