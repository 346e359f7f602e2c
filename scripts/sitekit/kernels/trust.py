"""Who could change what a kernel runs: whoever writes a modulefile or the kernels' folder runs code as every user."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import Problem


def refuse_writable(paths: Iterable[Path], trusted_groups: Iterable[str], owners: Iterable[int] = ()) -> None:
    """Raise Problem if others than root, the account that runs this, `owners` (uids) or the trusted groups may write.

    Folders above `paths` count too, except where the sticky bit protects what lies in them.
    """
    groups = {_gid(name) for name in trusted_groups}
    good = {0, os.geteuid(), *owners}
    given = set(paths)
    faults: dict[Path, str] = {}
    seen: set[Path] = set()
    for path in sorted(given):
        for place in (path, *path.parents):
            if place in seen:
                break
            seen.add(place)
            if fault := _fault(place, groups, good, above=place not in given):
                faults[place] = fault
    if faults:
        shown = [f"{path} {fault}" for path, fault in list(faults.items())[:5]]
        shown += [f"and {len(faults) - 5} more"] if len(faults) > 5 else []
        raise Problem(
            "whoever can write these can run code as every user of a kernel:\n    " + "\n    ".join(shown),
            remedy="take the permission away (chmod go-w PATH), or name a group under trusted_groups in kernels.yml",
        )


def _fault(path: Path, groups: set[int], good: set[int], above: bool) -> str | None:
    try:
        info = path.stat()
    except FileNotFoundError:
        return None
    except PermissionError:
        return "cannot be looked at by this account"
    if info.st_uid not in good and not above:
        return f"belongs to {_user(info.st_uid)}"
    if above and info.st_mode & stat.S_ISVTX:
        return None
    if info.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if info.st_mode & stat.S_IWGRP and info.st_gid not in groups | {0}:
        return f"can be written by the group {_group(info.st_gid)}"
    return None


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Problem(
            f"there is no group '{name}' on this machine", "kernels.yml: trusted_groups", "correct or remove it"
        ) from None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the unknown account {uid}"


def _group(gid: int) -> str:
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return str(gid)
    return f"{group.gr_name} ({', '.join(group.gr_mem)})" if group.gr_mem else group.gr_name
