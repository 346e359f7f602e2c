"""What stands at a path of the machine whose file tree is `root` (`/` but in tests), and how it is
put back there."""

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
    """One path as it was found. `hidden`: whoever looks may not see even whether it is there.

    `content` is that of a file, None where it may not be read; `target` is where a link points.
    """

    kind: Literal["nothing", "file", "folder", "link", "other", "hidden"]
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    content: bytes | None = None
    target: str = ""

    @property
    def sha256(self) -> str | None:
        """The hash of a file's content; None for all else, and where it may not be read."""
        return None if self.content is None else digest(self.content)

    @property
    def closed(self) -> bool:
        """Whether there is something that whoever looks may not read."""
        return self.kind == "hidden" or (self.kind == "file" and self.content is None)


NOTHING = Entry("nothing")


def on_disk(root: Path, path: Path) -> Path:
    """Where `path` of the machine lies."""
    return root / path.relative_to("/")


def look(root: Path, path: Path) -> Entry:
    """What stands at `path`; a link is not followed."""
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
    try:
        with open_file(real) as file:
            return file.read()
    except PermissionError:
        return None


def put_back(root: Path, path: Path, entry: Entry) -> None:
    """Let `path` be what `entry` says: nothing, a file or a link. Raises OSError."""
    real = on_disk(root, path)
    if look(root, path) == entry:
        return
    if entry.kind == "nothing":
        real.unlink(missing_ok=True)
    elif entry.kind == "link":
        switch_link(real, entry.target)
    elif entry.content is not None:
        write_atomic(real, entry.content, entry.mode, entry.owner)
