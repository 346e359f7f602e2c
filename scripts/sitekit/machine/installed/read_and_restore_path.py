"""Read the file, folder or link that exists at a path of the machine, and restore it later.

`root` is the root folder of the machine's file tree: `/`, except in tests.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...base.files import open_file, switch_link, write_atomic
from ..host.file_to_write import digest

MACHINE = Path("/")


@dataclass(frozen=True)
class Entry:
    """Describe the file, folder or link at a path. The kind `nothing` means that nothing exists at
    the path.

    The kind `hidden` means that the current user cannot see whether anything exists at the path.
    `content` is the content of a file; None if the current user cannot read the file.
    `target` is the path to which a link points.
    """

    kind: Literal["nothing", "file", "folder", "link", "other", "hidden"]
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    content: bytes | None = None
    target: str = ""

    @property
    def sha256(self) -> str | None:
        """Return the SHA-256 of the file's content; None if the path has no file, or if the current
        user cannot read the file.
        """
        return None if self.content is None else digest(self.content)

    @property
    def closed(self) -> bool:
        """Return True if the current user cannot read the file at the path, or cannot see whether
        anything exists there.
        """
        return self.kind == "hidden" or (self.kind == "file" and self.content is None)


NOTHING = Entry("nothing")


def on_disk(root: Path, path: Path) -> Path:
    """Return the path of a file of the machine inside the file tree: `root` + `path`."""
    return root / path.relative_to("/")


def read_entry(root: Path, path: Path) -> Entry:
    """Return an Entry for the file, folder or link at `path`. A symbolic link is not followed."""
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
    """Return the content of a file; None if the current user cannot read it."""
    try:
        with open_file(real) as file:
            return file.read()
    except PermissionError:
        return None


def put_back(root: Path, path: Path, entry: Entry) -> None:
    """Restore the earlier state `entry` of a path: a file, a link, or nothing at this path. Raises
    OSError.
    """
    real = on_disk(root, path)
    if read_entry(root, path) == entry:
        return
    if entry.kind == "nothing":
        real.unlink(missing_ok=True)
    elif entry.kind == "link":
        switch_link(real, entry.target)
    elif entry.content is not None:
        write_atomic(real, entry.content, entry.mode, entry.owner)
