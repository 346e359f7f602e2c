"""Save files atomically: write a new file and rename it to the old name.

Jupyter Server copies the old file to a hidden file and then truncates the file that it writes
(services/contents/fileio.py, atomic_writing). If the node crashes in between, the file is empty.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from jupyter_server.services.contents import fileio

_upstream = fileio.atomic_writing


def save_whole() -> None:
    """Make this Jupyter Server save all files with the function `whole`."""
    fileio.atomic_writing = whole


@contextlib.contextmanager
def whole(path: str, text: bool = True, encoding: str = "utf-8", **more: Any) -> Iterator[IO[Any]]:
    """Replace Jupyter Server's function atomic_writing. A symbolic link is kept.

    Files that cannot be replaced are written by Jupyter Server's own function.
    """
    real = os.path.realpath(path)
    if not _replaceable(real):
        with _upstream(path, text=text, encoding=encoding, **more) as file:
            yield file
        return
    more.pop("log", None)
    handle, new = tempfile.mkstemp(prefix=".~", dir=os.path.dirname(real))
    try:
        with open(
            handle, "w" if text else "wb", encoding=encoding if text else None, **more
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _resemble(new, real)
        os.replace(new, real)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        raise


def _replaceable(path: str) -> bool:
    """Return whether this file can be replaced by a new file.

    The result is True if the user can write the directory, and if the file does not exist or is a
    writable regular file of this user with only one hard link.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    except OSError:
        return False
    own = status is None or (
        stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()
    )
    writable = status is None or os.access(path, os.W_OK)
    return own and writable and os.access(os.path.dirname(path), os.W_OK | os.X_OK)


def _resemble(new: str, old: str) -> None:
    """Give the new file the mode, the group and the access control lists of the old file.

    If there is no old file, set the mode from the umask.
    """
    if not os.path.exists(old):
        os.umask(mask := os.umask(0o077))
        os.chmod(new, 0o666 & ~mask)
        return
    with contextlib.suppress(OSError):
        os.chown(new, -1, os.stat(old).st_gid)
    times = os.stat(new)
    shutil.copystat(old, new)
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
