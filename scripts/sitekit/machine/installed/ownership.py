"""Change the owner of folders safely, even if the former owner writes there at the same time.

sitekit, as root, first makes the folder inaccessible to others. No symbolic link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

Owner = tuple[int, int]
"""A uid and a gid."""


def set_folder(real: Path, owner: Owner, mode: int) -> None:
    """Set the owner and mode of the folder only. Raises OSError if the path is a symbolic link."""
    with _opened(real) as folder:
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def hand_over(
    real: Path, owner: Owner, mode: int = 0o700, but: Mapping[str, Owner] | None = None
) -> None:
    """Give a folder and everything in it to `owner`.

    `but` maps paths below the folder to other owners. Raises OSError if the path is a symbolic
    link.
    """
    with _opened(real) as folder:
        os.fchown(folder, 0, 0)
        os.fchmod(folder, 0o700)
        for path, status, parent in _below(folder):
            # A hard link may point to a file outside this folder. Changing its owner would give
            # away that file.
            if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                whose = (but or {}).get(path, owner)
                with suppress(FileNotFoundError):
                    os.chown(os.path.basename(path), *whose, dir_fd=parent, follow_symlinks=False)
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def owners_in(real: Path) -> dict[str, Owner]:
    """Return the owners of everything in the folder, by paths relative to the folder."""
    with _opened(real) as folder:
        return {path: (status.st_uid, status.st_gid) for path, status, _ in _below(folder)}


@contextmanager
def _opened(real: Path) -> Iterator[int]:
    """Open a folder for its descriptor, without following a symbolic link."""
    folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder
    finally:
        os.close(folder)


def _below(folder: int) -> Iterator[tuple[str, os.stat_result, int]]:
    """Yield each path below a folder, with its status and the descriptor of its parent folder."""
    for place, folders, files, parent in os.fwalk(".", dir_fd=folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                yield os.path.normpath(os.path.join(place, name)), status, parent
