"""Change the owner of folders safely, even if the former owner writes into these folders at the
same time.

sitekit, as root, first removes all access of other accounts to the folder. No symbolic link is
followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

Owner = tuple[int, int]
"""A pair of uid and gid."""


def set_folder(real: Path, owner: Owner, mode: int) -> None:
    """Set the owner and mode of a folder, not of its contents. Raises OSError if the path is a
    symbolic link."""
    with _opened(real) as folder:
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def hand_over(
    real: Path, owner: Owner, mode: int = 0o700, but: Mapping[str, Owner] | None = None
) -> None:
    """Change the owner of a folder and of everything in it to `owner`. The mode of the folder
    itself is set too.

    `but` maps paths below the folder to other owners. Raises OSError if the path is a symbolic
    link.
    """
    with _opened(real) as folder:
        os.fchown(folder, 0, 0)
        os.fchmod(folder, 0o700)
        for path, status, parent in _below(folder):
            # Files with several hard links are skipped. Such a file may also be in another folder,
            # and its owner must not change there.
            if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                whose = (but or {}).get(path, owner)
                with suppress(FileNotFoundError):
                    os.chown(os.path.basename(path), *whose, dir_fd=parent, follow_symlinks=False)
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def owners_in(real: Path) -> dict[str, Owner]:
    """Return the owner of each file and folder below a folder: relative path -> owner."""
    with _opened(real) as folder:
        return {path: (status.st_uid, status.st_gid) for path, status, _ in _below(folder)}


@contextmanager
def _opened(real: Path) -> Iterator[int]:
    """Open a folder, yield its file descriptor, and close it. A symbolic link is not followed."""
    folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder
    finally:
        os.close(folder)


def _below(folder: int) -> Iterator[tuple[str, os.stat_result, int]]:
    """Yield each path below a folder, with the path's status (stat(2)) and the file descriptor of
    its parent folder."""
    for place, folders, files, parent in os.fwalk(".", dir_fd=folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                yield os.path.normpath(os.path.join(place, name)), status, parent
