"""Read a course file or a roster safely. Instructors may be able to write to the folder of the
course files.

Root reads course files, and error messages quote lines of these files. With a symbolic link, an
instructor could make sitekit quote a file that only root can read. Reading a named pipe would never
end. Therefore only regular files are read.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from ...base.errors import BadInput
from ...base.files import open_file

LIMIT = 1024 * 1024
"""The largest size of a course file or roster, in bytes. A line of a roster has about 20 bytes."""

DEEPEST = 10  # the most levels of nested lists and keys; a course file needs three


def course_text(path: Path) -> str:
    """Return the text of a regular file of at most 1 MiB. Raises BadInput."""
    try:
        with open_file(path) as content:
            raw = content.read(LIMIT + 1)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        why = "this is a symbolic link" if is_link else error.strerror
        remedy = f"replace the link by a regular file; see: ls -l {path}"
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
    """Refuse a short YAML text for which the parser would need all memory or several hours. Raises
    BadInput.

    '*' aliases in YAML repeat parts of the file, and deeply nested lists make the parser slow.
    Aliases and deeply nested lists are refused.
    """
    depth = 0
    with suppress(YAMLError):  # parse_yaml() reports errors of the YAML syntax
        for event in YAML(typ="safe", pure=True).parse(text):
            where = f"{path}:{event.start_mark.line + 1}"
            if isinstance(event, AliasEvent):
                raise BadInput(
                    "a course file must not contain '*' aliases", where, "write it out instead"
                )
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                raise BadInput(
                    "lists or keys are nested too deeply here", where, "see docs/courses.md"
                )
