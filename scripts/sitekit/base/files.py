"""Write files atomically, and open files without following symbolic links.

After a power failure, a file that was being written has either its complete old content or its
complete new content.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO


def write_atomic(
    path: Path, content: str | bytes, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> None:
    """Write `content` to a temporary file and rename it to `path`.

    The file gets exactly `mode`, whatever the umask is. `owner` is (uid, gid). If `owner` is None,
    the file belongs to the account of this process. The parent directory must exist. If writing
    fails, OSError is raised, and the old file is unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def switch_link(link: Path, target: str) -> None:
    """Point the symbolic link `link` at `target` atomically: the link exists at every moment."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading. This is safe even if other users can write to the file's
    directory.

    open_file() does not follow a symbolic link at the end of the path, and does not wait if the
    path is a named pipe. Raises OSError if the path does not lead to a regular file, or if the file
    cannot be opened.
    """
    return open(path, "rb", opener=_itself)


def _itself(path: str, flags: int) -> int:
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "this is not a regular file", path)
    return handle
