"""Write files atomically, and read files safely in folders of other accounts.

After a crash or a power cut, a file has either its old or its new content.
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
    """Write `content` to a new file and rename it to `path`. Raises OSError.

    `mode` does not depend on the umask. `owner` is (uid, gid), or None for no change. The parent
    folder must exist. If an error occurs, the old file stays unchanged.
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
    """Point a symbolic link to `target` in one step. The link exists at every moment."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading in a folder that another account may write. Raises OSError.

    A symbolic link is not followed, and a pipe does not block.
    """
    return open(path, "rb", opener=_itself)


def _itself(path: str, flags: int) -> int:
    """Open a regular file, and refuse everything else."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "this is no file", path)
    return handle
