"""Read a text file of the older configuration. The file must be a regular file in UTF-8, and not
too large."""

from __future__ import annotations

from pathlib import Path

from ...base.errors import BadInput
from ...base.files import open_file

LARGEST = 256 * 1024
"""The largest file that is read, in bytes."""


def read_text(path: Path) -> str:
    """Return the text of a file. Raises BadInput for a symbolic link, a device, a large file or a
    binary file."""
    try:
        with open_file(path) as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        what = f"this cannot be read as a file ({error.strerror})"
        raise BadInput(what, str(path), "copy the file itself into the folder") from None
    if len(content) > LARGEST:
        what = f"this file has more than {LARGEST // 1024} KiB"
        raise BadInput(what, str(path), "remove from a copy of it what is no configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{path}:{content.count(bytes([10]), 0, error.start) + 1}"
        raise BadInput("this line is not UTF-8 text", where, "save the file as UTF-8") from None
    if "\0" in text:
        raise BadInput("this is a binary file", str(path), "name a folder with text files")
    return text
