"""The folder that a server shows: the home directory, or a tree of links that the site describes.

It is made as the user, in the user's own home. What is there already and is no link stays as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path


def make_root(
    folder: str, links: Mapping[str, str], home: Path, user: str, read_only: bool = False
) -> Path:
    """The server's root, made if it is missing, with `links` in it; the home directory where it
    cannot be had.

    With `read_only` its user can save nothing beside the links. Files that are there already stay,
    and can be read.
    """
    root = filled(folder, home, user)
    if root == home:
        return home
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(
            stat.S_IMODE(root.stat().st_mode) | stat.S_IWUSR
        )  # for the links; an earlier start may have closed it
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
    """A path of site.yml for this user: `~` and `{user}` filled in."""
    path = path.replace("{user}", user)
    return home / path[2:] if path.startswith("~/") else home if path == "~" else Path(path)


def link(place: Path, target: Path) -> None:
    """Make `place` a link to `target`. A link that is there follows the site; a link to nothing
    would only confuse, so it is left out, or taken away; a file or a folder is the user's own, and
    stays. Raises OSError."""
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
