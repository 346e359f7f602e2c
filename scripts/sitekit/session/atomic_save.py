"""Make Jupyter Server save a file by writing a temporary file and renaming it to the file's name.

Jupyter Server's own function copies the old file to a hidden file, then truncates the old file and
writes it (services/contents/fileio.py, atomic_writing). If the node fails after the file is
truncated, the file is empty.
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
    """Replace Jupyter Server's function for saving files, in this process."""
    fileio.atomic_writing = write_whole_file


@contextlib.contextmanager
def write_whole_file(
    path: str, text: bool = True, encoding: str = "utf-8", **more: Any
) -> Iterator[IO[Any]]:
    """Open a file for saving, in place of Jupyter Server's function. The file gets its new content
    only when the new content is complete. If the path is a symbolic link, the link's target is
    saved."""
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
    """Return whether a new file can replace the file at this path. An existing file must belong to
    the user, must have only one hard link, and must be a regular file. The user must have write
    permission for the file and its folder.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = None
    except OSError:
        return False
    own = found is None or (
        stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
    )
    writable = found is None or os.access(path, os.W_OK)
    return own and writable and os.access(os.path.dirname(path), os.W_OK | os.X_OK)


def _resemble(new: str, old: str) -> None:
    """Give the new file the mode, the access control lists and, if possible, the group of the old
    file.

    If no old file exists, the new file gets the mode that the umask allows.
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
