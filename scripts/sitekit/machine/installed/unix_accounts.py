"""The accounts of the site's services, and the numbers of accounts on the machine whose file tree
is `root`.

The tools that change them copy each file to `<file>-` first. Those copies stay what they were: they
hold what the last administrator's change replaced, and sitekit undoes its own by the manifest.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.command import Arg, Argv, run
from ...base.errors import Problem
from .entries import MACHINE


def has_account(root: Path, name: str) -> bool:
    return _user(root, name) is not None


def has_group(root: Path, name: str) -> bool:
    return _group(root, name) is not None


def numbers(root: Path, owner: str, group_of: str | None = None) -> tuple[int, int]:
    """(uid of `owner`, gid of the own group of `group_of`, or else of `owner`). Raises Problem for
    an unknown name."""
    user, other = _user(root, owner), _user(root, group_of or owner)
    if user is None or other is None:
        name = owner if user is None else group_of
        raise Problem(
            f"the account {name} is not there",
            str(root / "etc/passwd"),
            "sudo make apply makes the site's own",
        )
    return user[0], other[1]


def make_group(root: Path, name: str) -> None:
    """Raises CommandFailed."""
    _change(root, "groupadd", "--system", name)


def make_account(root: Path, name: str, home: Path, shell: Path) -> None:
    """A system account without a password; its group, of the same name, has to be there. Raises
    CommandFailed."""
    home_and_shell: Argv = ["--no-create-home", "--home-dir", home, "--shell", shell]
    _change(root, "useradd", "--system", "--gid", name, *home_and_shell, name)


def group_name(root: Path, user: str) -> str:
    """The name of a user's own group; of an account that is yet to be made, its own name."""
    found = _user(root, user)
    if found is None:
        return user
    return group_of_number(root, found[1]) or str(found[1])


def group_of_number(root: Path, gid: int) -> str | None:
    if root == MACHINE:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return None
    return next((row[0] for row in _rows(root / "etc/group") if int(row[2]) == gid), None)


def is_member(root: Path, user: str, group: str) -> bool:
    """False where one of the two is not there."""
    account, gid = _user(root, user), _group(root, group)
    if account is None or gid is None:
        return False
    return user in listed(root, group) or account[1] == gid


def listed(root: Path, group: str) -> list[str]:
    """A group's members, in the order in which they stand there."""
    if root == MACHINE:
        return grp.getgrnam(group).gr_mem
    return next(row[3].split(",") for row in _rows(root / "etc/group") if row[0] == group)


def members(root: Path, group: str) -> set[str]:
    """Whose group it is, their own or a further one, as far as can be listed: a directory may keep
    it to itself."""
    if root == MACHINE:
        entry = grp.getgrnam(group)
        return {
            *entry.gr_mem,
            *(user.pw_name for user in pwd.getpwall() if user.pw_gid == entry.gr_gid),
        }
    row = next(row for row in _rows(root / "etc/group") if row[0] == group)
    return {
        *filter(None, row[3].split(",")),
        *(user[0] for user in _rows(root / "etc/passwd") if user[3] == row[2]),
    }


def with_password(root: Path) -> set[str]:
    """Who has a hash in /etc/shadow. One behind a `!` is locked, on purpose. Raises
    PermissionError."""
    return {row[0] for row in _rows(root / "etc/shadow") if row[1].strip("!*")}


def add_member(root: Path, user: str, group: str) -> None:
    """Raises CommandFailed."""
    _change(root, "usermod", "--append", "--groups", group, user)


def remove_account(root: Path, name: str) -> None:
    """The account with its memberships; its files stay. Raises CommandFailed."""
    _change(root, "userdel", name)


def remove_group(root: Path, name: str) -> None:
    """Raises CommandFailed."""
    _change(root, "groupdel", name)


def remove_member(root: Path, user: str, group: str) -> None:
    """Raises CommandFailed."""
    _gpasswd(root, "--delete", user, group)


def put_members(root: Path, group: str, members: list[str]) -> None:
    """These and no others, in this order. Raises CommandFailed."""
    _gpasswd(root, "--members", ",".join(members), group)


def _gpasswd(root: Path, *words: Arg) -> None:
    with _tools_backups(root):
        run(["gpasswd", *([] if root == MACHINE else ["--root", str(root)]), *words])


def _change(root: Path, tool: str, *words: Arg) -> None:
    with _tools_backups(root):
        run([tool, *([] if root == MACHINE else ["--prefix", str(root)]), *words])


@contextmanager
def _tools_backups(root: Path) -> Iterator[None]:
    """Written in place: a file that took the place of `shadow-` would lose its SELinux label."""
    backups = [
        root / "etc" / f"{name}-"
        for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
    ]
    before = {path: (path.read_bytes(), path.stat()) for path in backups if path.exists()}
    try:
        yield
    finally:
        for path in backups:
            if path not in before:
                path.unlink(missing_ok=True)
            else:
                content, status = before[path]
                if path.read_bytes() != content:
                    path.write_bytes(content)
                os.chown(path, status.st_uid, status.st_gid)
                path.chmod(status.st_mode & 0o7777)


def _user(root: Path, name: str) -> tuple[int, int] | None:
    """Asked of the name service on this machine, which may know LDAP's; read from the files of
    another tree."""
    if root == MACHINE:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return entry.pw_uid, entry.pw_gid
    return next(
        ((int(row[2]), int(row[3])) for row in _rows(root / "etc/passwd") if row[0] == name), None
    )


def _group(root: Path, name: str) -> int | None:
    if root == MACHINE:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None
    return next((int(row[2]) for row in _rows(root / "etc/group") if row[0] == name), None)


def _rows(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text().splitlines() if line.count(":") >= 3]
