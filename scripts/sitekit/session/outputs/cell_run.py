"""Build the outputs of one run of a cell from the kernel's messages, in the form of a notebook's
file."""

from __future__ import annotations

import re
from typing import Any

OVERHEAD = 1000
"""The server counts this many bytes for each run and each output, in addition to the size of the
text."""

_BACKSPACE = re.compile(r"[^\n]\x08")
_CARRIAGE_RETURN = re.compile(r".*\r(?=[^\n])")


class Stream:
    """Hold the text of stdout or stderr. As in JupyterLab, a carriage return removes the text of
    the line before it, and a backspace removes the character before it. Therefore a progress bar
    remains one line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._complete: list[str] = []
        self._line = ""

    def add(self, text: str) -> int:
        """Append text. Return the number of characters by which the stream has grown."""
        before, self._line = len(self._line), self._line + text
        grown = 0
        if "\n" in self._line:
            lines, _, self._line = self._line.rpartition("\n")
            self._complete.append(_printed(lines + "\n"))
            grown = len(self._complete[-1])
        self._line = _printed(self._line)
        return grown + len(self._line) - before

    def as_output(self) -> dict[str, Any]:
        text = "".join(self._complete) + self._line
        return {"output_type": "stream", "name": self.name, "text": text}


class Display:
    """Hold an output that is not text of stdout or stderr: an image, a table, a result or an
    error."""

    def __init__(self, output: dict[str, Any], display_id: str | None, size: int) -> None:
        self.output, self.display_id, self.size = output, display_id, size

    def as_output(self) -> dict[str, Any]:
        return dict(self.output)


class CellRun:
    """Hold one run of a cell: the page that requested the run, the number of the run (`count`), and
    the outputs until now."""

    def __init__(self, cell: str, code: str, page: str) -> None:
        self.cell, self.code, self.page = cell, code, page
        self.size = self._least = OVERHEAD + len(code)
        self.count: int | None = None
        self.ended: float | None = None
        self.missed = False  # True if the run's page has possibly not received all outputs
        self.changes = 0
        self.written = 0  # the value of `changes` when the outputs were last written to the file
        self._outputs: list[Stream | Display] = []
        self._clear_first = False

    def begin(self, count: Any) -> None:
        """Record that the kernel has begun the run, and that the kernel has given the number
        `count` to the run."""
        if isinstance(count, int) and count >= 0:
            self.count = count
            self.changes += 1

    def end(self, now: float) -> None:
        if self.ended is None:
            self.ended = now
            self.changes += 1

    def as_json(self) -> dict[str, Any]:
        """Return the run as a dictionary for the JSON answer to a page, which puts the outputs into
        the cell."""
        told = {"cell": self.cell, "code": self.code, "count": self.count, "changes": self.changes}
        return {**told, "ended": self.ended is not None, "outputs": self.outputs()}

    def outputs(self) -> list[dict[str, Any]]:
        """Return the outputs in the form of a notebook's file."""
        return [one.as_output() for one in self._outputs]

    def print(self, name: str, text: str) -> None:
        """Append text to the stream stdout or stderr."""
        self._clear_if_asked()
        last = self._outputs[-1] if self._outputs else None
        if not (isinstance(last, Stream) and last.name == name):
            last = Stream(name)
            self._outputs.append(last)
            self.size += OVERHEAD
        self.size += last.add(text)
        self.changes += 1

    def show(self, output: dict[str, Any], display_id: str | None, size: int) -> None:
        """Append an output that is not text of stdout or stderr."""
        self._clear_if_asked()
        self._outputs.append(Display(output, display_id, size))
        self.size += OVERHEAD + size
        self.changes += 1

    def has(self, display_id: str) -> bool:
        """Return whether one of the outputs has this display_id."""
        return bool(display_id) and any(
            isinstance(one, Display) and one.display_id == display_id for one in self._outputs
        )

    def update(self, display_id: str, new: dict[str, Any], size: int) -> None:
        """Replace data and metadata of the outputs that have this display_id."""
        for one in self._outputs:
            if isinstance(one, Display) and one.display_id == display_id:
                one.output = {**one.output, **new}
                self.size += size - one.size
                one.size = size
                self.changes += 1

    def clear(self, wait: bool) -> None:
        """Remove all outputs. If `wait` is true, remove them only when the next output arrives."""
        self._clear_first = wait
        if not wait:
            self._outputs = []
            self.size = self._least
            self.changes += 1

    def _clear_if_asked(self) -> None:
        if self._clear_first:
            self.clear(wait=False)


def _printed(text: str) -> str:
    """Return the text without the characters that backspaces and carriage returns remove (as
    nbclient does)."""
    while "\b" in text and (shorter := _BACKSPACE.sub("", text)) != text:
        text = shorter
    return _CARRIAGE_RETURN.sub("", text) if "\r" in text else text
