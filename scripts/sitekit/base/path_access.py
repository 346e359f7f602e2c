"""Examine the path to a file: all folders and links on it, and who can change them.

Whoever can change one of them decides which file is found.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINKS = 40  # on one path, as in the kernel
ACL_KINDS, ACL_WRITE = (0x02, 0x08), 0x02  # entries for a user and for a group by number


@dataclass(frozen=True)
class Step:
    """A folder, link or file on a path. `last`: it is the end of the path."""

    path: Path
    status: os.stat_result
    last: bool

    @property
    def link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def owner(self) -> str:
        return account_name(self.status.st_uid)

    @property
    def group(self) -> str:
        return group_name(self.status.st_gid)

    @property
    def group_writes(self) -> bool:
        return self._written_by(stat.S_IWGRP)

    @property
    def everybody_writes(self) -> bool:
        return self._written_by(stat.S_IWOTH)

    def _written_by(self, who: int) -> bool:
        """Return whether the mode lets group or others (`who`) write.

        The mode of a link has no meaning. In a folder with the sticky bit, such as /tmp, others
        cannot replace files that are not theirs, so it does not count. The owner of such a folder
        could still do so.
        """
        sticky = self.status.st_mode & stat.S_ISVTX and not self.last
        return bool(self.status.st_mode & who) and not self.link and not sticky


def account_name(uid: int) -> str:
    """Return an account's name for a message."""
    try:
        return f"the account {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}, which has no account here"


def group_name(gid: int) -> str:
    """Return a group's name for a message, with the members that it lists."""
    try:
        found = grp.getgrgid(gid)
    except KeyError:
        return f"gid {gid}, which has no name here"
    return f"the group {found.gr_name}" + (f" ({', '.join(found.gr_mem)})" if found.gr_mem else "")


def named_writers(path: Path) -> tuple[set[int], set[int]]:
    """Return the uids and gids that an access control list (acl(5)) allows to write.

    If there is such a list, the mode's bits for the group are the most that it allows to any user
    or group that it names.
    """
    try:
        found = os.getxattr(path, "system.posix_acl_access", follow_symlinks=False)
    except OSError:  # no list, or a filesystem without such lists
        return set(), set()
    # linux/posix_acl_xattr.h: tag, rights, number
    entries = list(struct.iter_unpack("<HHI", found[4:]))
    users, groups = (
        {who for tag, may, who in entries if tag == kind and may & ACL_WRITE} for kind in ACL_KINDS
    )
    return users, groups


def way(path: Path, root: Path = Path("/")) -> list[Step]:
    """Return all steps from `/` to `path`, as far as they exist. Raises OSError.

    `root` is the machine's file tree. The error is PermissionError if this account may not read a
    folder, and ELOOP for links that form a circle.
    """
    return list(_steps(path, root))


def _steps(path: Path, root: Path) -> Iterator[Step]:
    """Yield the steps of a path."""
    here, ahead, links = Path("/"), list(path.parts[1:]), 0
    yield Step(here, root.stat(), not ahead)
    while ahead:
        name = ahead.pop(0)
        if name == "..":
            here = here.parent
            continue
        place = here / name
        try:
            status = (root / place.relative_to("/")).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISLNK(status.st_mode):
            here = place
            yield Step(place, status, not ahead)
            continue
        yield Step(place, status, False)
        links += 1
        if links > LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = Path(os.readlink(root / place.relative_to("/")))
        if target.is_absolute():
            here = Path("/")
        ahead = [part for part in target.parts if part != "/"] + ahead
