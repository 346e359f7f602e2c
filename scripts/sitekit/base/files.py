"""Write files so that a reader, or a power cut, meets the whole old one or the whole new one; read
one and no other."""

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
    """Put `content` at `path` by rename. `mode` holds whatever the umask; `owner` is (uid, gid),
    left alone when None.

    The parent must exist. Raises OSError; the old file is then still there, whole.
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
    """Point the symbolic link `link` at `target` in one step: nobody ever finds it missing."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def open_file(path: Path) -> BinaryIO:
    """The file itself, to be read, in a folder that somebody else may write: a link is not
    followed, a pipe not waited for. Raises OSError."""
    return open(path, "rb", opener=_itself)


def _itself(path: str, flags: int) -> int:
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "this is no file", path)
    return handle
