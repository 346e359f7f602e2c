"""Folders that change hands. Whoever had one may still be at work in it: root closes it first, and
follows no name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

Owner = tuple[int, int]
"""Numbers of a user and a group."""


def set_folder(real: Path, owner: Owner, mode: int) -> None:
    """Owner and mode of the folder alone. Raises OSError, as all here does where a link stands in
    its place."""
    with _opened(real) as folder:
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def hand_over(
    real: Path, owner: Owner, mode: int = 0o700, but: Mapping[str, Owner] | None = None
) -> None:
    """Give a folder and all in it to `owner`, but for the paths below it that `but` names others
    for."""
    with _opened(real) as folder:
        os.fchown(folder, 0, 0)
        os.fchmod(folder, 0o700)
        for path, status, parent in _below(folder):
            # A second name may be that of a file elsewhere, of which this would be the way to
            # become the owner.
            if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                whose = (but or {}).get(path, owner)
                with suppress(FileNotFoundError):
                    os.chown(os.path.basename(path), *whose, dir_fd=parent, follow_symlinks=False)
        os.fchown(folder, *owner)
        os.fchmod(folder, mode)


def owners_in(real: Path) -> dict[str, Owner]:
    """Whose each thing in the folder is, by its path below it."""
    with _opened(real) as folder:
        return {path: (status.st_uid, status.st_gid) for path, status, _ in _below(folder)}


@contextmanager
def _opened(real: Path) -> Iterator[int]:
    folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder
    finally:
        os.close(folder)


def _below(folder: int) -> Iterator[tuple[str, os.stat_result, int]]:
    """Everything below it: the path, what it is, and the descriptor of the folder that holds it."""
    for place, folders, files, parent in os.fwalk(".", dir_fd=folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                yield os.path.normpath(os.path.join(place, name)), status, parent
