"""Prepare the root folder of a server, which is the home directory or a folder with the site's
links.

sitekit creates the links in the user's home, under the user's account. Files and folders that exist
already are not changed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path


def make_root(
    folder: str, links: Mapping[str, str], home: Path, user: str, read_only: bool = False
) -> Path:
    """Return the server's root folder, and create the folder and `links` in it if they are missing.

    Returns the home directory if the folder cannot be used. If `read_only` is true, the user cannot
    save files in the root folder itself. Files that already exist in the root folder are kept, and
    the user can read these files.
    """
    root = filled(folder, home, user)
    if root == home:
        return home
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An earlier start may have made the folder read-only. The links are written into the
        # folder.
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
    """Return a path from site.yml, with `~` and `{user}` replaced for this user."""
    path = path.replace("{user}", user)
    if path == "~":
        return home
    if path.startswith("~/"):
        return home / path[2:]
    return Path(path)


def link(place: Path, target: Path) -> None:
    """Make `place` a link to `target`. Raises OSError if the link cannot be created or changed.

    An existing link is changed to the site's target. If the target does not exist, no link is
    created, and an existing link to this target is removed. If a file or folder is at `place`, this
    file or folder belongs to the user, and is kept.
    """
    if not place.is_symlink() and place.exists():
        return
    current = Path(os.readlink(place)) if place.is_symlink() else None
    if not target.exists():
        if current == target:
            place.unlink()
    elif current != target:
        aside = place.with_name(f".{place.name}.{os.getpid()}")
        aside.symlink_to(target)
        aside.replace(place)
