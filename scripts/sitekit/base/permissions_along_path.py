"""List all directories and symbolic links on the path to a file, with their permissions.

An account that can change one of these directories or links decides which file is opened.
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

LINKS = 40  # the highest number of symbolic links in one path, as in the Linux kernel
ACL_KINDS, ACL_WRITE = (0x02, 0x08), 0x02  # the tags ACL_USER and ACL_GROUP, and the write bit


@dataclass(frozen=True)
class Step:
    """Describe a directory, symbolic link or file on a path.

    `last` is True for the last step of a path.
    """

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
        """Return whether the file mode grants write access; `who` is the bit for group or others.
        The mode of a symbolic link has no effect, and is ignored. A directory with the sticky bit,
        such as /tmp, is ignored as well, unless the path ends there. In a directory with the sticky
        bit, users cannot replace files of other users. Only the owner of the directory can remove
        other users' files.
        """
        sticky = self.status.st_mode & stat.S_ISVTX and not self.last
        return bool(self.status.st_mode & who) and not self.link and not sticky


def account_name(uid: int) -> str:
    """Return text for a message about the account with this uid, such as `the account anna`. If no
    account has this uid, the text contains only the uid."""
    try:
        return f"the account {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}, which has no account here"


def group_name(gid: int) -> str:
    """Return text for a message about a group, such as `the group physics (anna, ben)`. The names
    in brackets are the members that the group database lists.

    The group database does not list the accounts that have the group as their primary group.
    """
    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return f"gid {gid}, which has no name here"
    return f"the group {group.gr_name}" + (f" ({', '.join(group.gr_mem)})" if group.gr_mem else "")


def named_writers(path: Path) -> tuple[set[int], set[int]]:
    """Return the user IDs and group IDs to which an access control list grants write access.

    acl(5) is the manual page of access control lists. If a file has an access control list, the
    group bits of the file's mode are the mask of this list. The mask limits the access of all users
    and groups that the list names, and of the group that owns the file.
    """
    try:
        acl = os.getxattr(path, "system.posix_acl_access", follow_symlinks=False)
    except OSError:  # the file has no access control list, or the filesystem supports none
        return set(), set()
    # linux/posix_acl_xattr.h: each entry has a tag, permissions, and a user or group ID
    entries = list(struct.iter_unpack("<HHI", acl[4:]))
    users, groups = (
        {who for tag, may, who in entries if tag == kind and may & ACL_WRITE} for kind in ACL_KINDS
    )
    return users, groups


def steps_of_path(path: Path, root: Path = Path("/")) -> list[Step]:
    """Return a Step for each existing directory, link and file on the way from `/` to `path`.

    `root` is the directory that contains the machine's file tree. Raises PermissionError if the
    account of this process is not allowed to search a directory, and OSError with ELOOP if symbolic
    links form a loop.
    """
    return list(_steps(path, root))


def _steps(path: Path, root: Path) -> Iterator[Step]:
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
