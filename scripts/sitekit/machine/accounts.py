"""The accounts of the site's services, and the numbers of accounts on the machine whose file tree is `root`."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

from ..command import run
from ..errors import Problem

MACHINE = Path("/")


def has_account(root: Path, name: str) -> bool:
    return _user(root, name) is not None


def has_group(root: Path, name: str) -> bool:
    return _group(root, name) is not None


def numbers(root: Path, owner: str, group: str | None) -> tuple[int, int]:
    """(uid, gid) of a file's owner; `group` None is the owner's own. Raises Problem for a name that is not there."""
    user = _user(root, owner)
    if user is None:
        raise Problem(
            f"the account {owner} is not there", str(root / "etc/passwd"), "sudo make apply makes the site's own"
        )
    if group is None:
        return user
    gid = _group(root, group)
    if gid is None:
        raise Problem(f"the group {group} is not there", str(root / "etc/group"))
    return user[0], gid


def make_group(root: Path, name: str) -> None:
    """Raises CommandFailed."""
    run(["groupadd", *_prefix(root), "--system", name])


def make_account(root: Path, name: str, home: Path, shell: Path) -> None:
    """A system account without a password; its group, of the same name, has to be there. Raises CommandFailed."""
    home_and_shell = ["--no-create-home", "--home-dir", home, "--shell", shell]
    run(["useradd", *_prefix(root), "--system", "--gid", name, *home_and_shell, name])


def group_name(root: Path, user: str) -> str:
    """The name of a user's own group. Raises Problem."""
    gid = numbers(root, user, None)[1]
    if root == MACHINE:
        return grp.getgrgid(gid).gr_name
    return next(row[0] for row in _rows(root / "etc/group") if int(row[2]) == gid)


def is_member(root: Path, user: str, group: str) -> bool:
    if root == MACHINE:
        members, own = grp.getgrnam(group).gr_mem, pwd.getpwnam(user).pw_gid == grp.getgrnam(group).gr_gid
        return user in members or own
    row = next(row for row in _rows(root / "etc/group") if row[0] == group)
    return user in row[3].split(",") or (numbers(root, user, None)[1] == int(row[2]))


def add_member(root: Path, user: str, group: str) -> None:
    run(["usermod", *_prefix(root), "--append", "--groups", group, user])


def remove_account(root: Path, name: str) -> None:
    """The account with its memberships; its files stay. Raises CommandFailed."""
    run(["userdel", *_prefix(root), name])


def remove_group(root: Path, name: str) -> None:
    """Raises CommandFailed."""
    run(["groupdel", *_prefix(root), name])


def remove_member(root: Path, user: str, group: str) -> None:
    """Raises CommandFailed. Only on this machine: gpasswd knows no other tree."""
    if root == MACHINE:
        run(["gpasswd", "--delete", user, group])


def _prefix(root: Path) -> list[str]:
    return [] if root == MACHINE else ["--prefix", str(root)]


def _user(root: Path, name: str) -> tuple[int, int] | None:
    """Asked of the name service on this machine, which may know LDAP's; read from the files of another tree."""
    if root == MACHINE:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return entry.pw_uid, entry.pw_gid
    return next(((int(row[2]), int(row[3])) for row in _rows(root / "etc/passwd") if row[0] == name), None)


def _group(root: Path, name: str) -> int | None:
    if root == MACHINE:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None
    return next((int(row[2]) for row in _rows(root / "etc/group") if row[0] == name), None)


def _rows(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text().splitlines() if line.count(":") >= 3]
