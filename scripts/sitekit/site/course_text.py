"""Read a course file or a roster safely, because instructors may be allowed to write in its folder.

Root reads these files. A link could lead to a file that only root may read, whose lines an error
would quote, and a named pipe would never end.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from ..base.errors import BadInput
from ..base.files import open_file

LIMIT = 1024 * 1024
"""Bytes of a file; a line of a roster has about 20."""

DEEPEST = 10  # lists and keys within each other; a course file has three


def course_text(path: Path) -> str:
    """Return the text of a regular file of at most 1 MiB. Raises BadInput."""
    try:
        with open_file(path) as content:
            raw = content.read(LIMIT + 1)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        why = "this is a symbolic link" if is_link else error.strerror
        remedy = f"write a file of its own there; see: ls -l {path}"
        raise BadInput(f"the file cannot be read: {why}", str(path), remedy) from None
    if len(raw) > LIMIT:
        raise BadInput("the file is longer than 1 MiB", str(path), "shorten it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what, remedy = "this line is not UTF-8 text", "save the file as UTF-8"
        raise BadInput(what, f"{path}:{line}", remedy) from None


def refuse_excess(path: Path, text: str) -> None:
    """Refuse YAML with which a short file takes all memory or hours. Raises BadInput.

    A '*' alias repeats a part of the file, and the parser is slow with deeply nested lists.
    """
    depth = 0
    with suppress(YAMLError):  # parse_yaml() says what is wrong
        for event in YAML(typ="safe", pure=True).parse(text):
            where = f"{path}:{event.start_mark.line + 1}"
            if isinstance(event, AliasEvent):
                raise BadInput("a course file has no '*' aliases", where, "write it out instead")
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                raise BadInput("this is nested too deeply", where, "see docs/courses.md")
