"""Create the directory that JupyterLab shows: the home directory, or a directory of links.

site.yml lists the links. The directory is created with the user's own rights. Files and directories
that exist already and are not symbolic links are kept.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path


def make_root(
    folder: str, links: Mapping[str, str], home: Path, user: str, read_only: bool = False
) -> Path:
    """Create the server's root directory with the symbolic links `links`; return its path.

    If it cannot be created, return the home directory. With `read_only`, the user cannot save files
    in the root directory itself. Existing files are kept and can be read.
    """
    root = filled(folder, home, user)
    if root == home:
        return home
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An earlier start with `read_only` may have removed the write permission, which is needed
        # to create links.
        root.chmod(stat.S_IMODE(root.stat().st_mode) | stat.S_IWUSR)
        os.listdir(root)
    except OSError as error:
        print(
            f"sitekit: {root} cannot be the server's folder ({error.strerror}); starting in {home}",
            flush=True,
        )
        return home
    for name, target in links.items():
        try:
            link(root / name, filled(target, home, user))
        except OSError as error:
            print(f"sitekit: no link {root / name}: {error.strerror}", flush=True)
    if read_only:
        root.chmod(stat.S_IMODE(root.stat().st_mode) & 0o555)
    return root


def filled(path: str, home: Path, user: str) -> Path:
    """Return a path of site.yml with the values of `~` and `{user}` for this user."""
    path = path.replace("{user}", user)
    return home / path[2:] if path.startswith("~/") else home if path == "~" else Path(path)


def link(place: Path, target: Path) -> None:
    """Make `place` a symbolic link to `target`. Raises OSError.

    An existing link is changed to `target`. If `target` does not exist, no link is made, and an
    existing link to `target` is removed. An existing file or directory is kept, because it belongs
    to the user.
    """
    if not place.is_symlink() and place.exists():
        return
    there = Path(os.readlink(place)) if place.is_symlink() else None
    if not target.exists():
        if there == target:
            place.unlink()
    elif there != target:
        aside = place.with_name(f".{place.name}.{os.getpid()}")
        aside.symlink_to(target)
        aside.replace(place)
