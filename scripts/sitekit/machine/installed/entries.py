"""Read what exists at a path of the machine, and restore it.

`root` is the machine's file tree: `/`, except in tests.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...base.files import open_file, switch_link, write_atomic
from ..host.file import digest

MACHINE = Path("/")


@dataclass(frozen=True)
class Entry:
    """Describe what exists at a path.

    - `hidden`: the current user may not see whether anything exists there.
    - `content`: the content of a file; None if it may not be read.
    - `target`: where a link points to.
    """

    kind: Literal["nothing", "file", "folder", "link", "other", "hidden"]
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    content: bytes | None = None
    target: str = ""

    @property
    def sha256(self) -> str | None:
        """Return the hash of a file's content; None if it is no file or may not be read."""
        return None if self.content is None else digest(self.content)

    @property
    def closed(self) -> bool:
        """Return whether something exists that the current user may not read."""
        return self.kind == "hidden" or (self.kind == "file" and self.content is None)


NOTHING = Entry("nothing")


def on_disk(root: Path, path: Path) -> Path:
    """Return the path in the file tree `root` for `path` of the machine."""
    return root / path.relative_to("/")


def look(root: Path, path: Path) -> Entry:
    """Return what exists at `path`. A link is not followed."""
    real = on_disk(root, path)
    try:
        status = real.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    except PermissionError:
        return Entry("hidden")
    mode, owner = stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", 0, owner, target=os.readlink(real))
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder", mode, owner)
    if not stat.S_ISREG(status.st_mode):
        return Entry("other", mode, owner)
    return Entry("file", mode, owner, _content(real))


def _content(real: Path) -> bytes | None:
    """Return the content of a file; None if it may not be read."""
    try:
        with open_file(real) as file:
            return file.read()
    except PermissionError:
        return None


def put_back(root: Path, path: Path, entry: Entry) -> None:
    """Restore a path to what `entry` describes: nothing, a file or a link. Raises OSError."""
    real = on_disk(root, path)
    if look(root, path) == entry:
        return
    if entry.kind == "nothing":
        real.unlink(missing_ok=True)
    elif entry.kind == "link":
        switch_link(real, entry.target)
    elif entry.content is not None:
        write_atomic(real, entry.content, entry.mode, entry.owner)
