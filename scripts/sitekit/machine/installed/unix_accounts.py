"""Read and change the accounts and groups of the machine whose file tree is `root`.

Before a change, useradd and similar tools copy each file to `<file>-`, such as /etc/passwd-.
sitekit restores the earlier copy after each change, because this copy contains the state before the
administrator's last change. sitekit does not need these copies to undo its own changes, because the
manifest lists the changes.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import Arg, Argv, run
from .read_and_restore_path import MACHINE


def has_account(root: Path, name: str) -> bool:
    """Return whether the Unix account exists."""
    return _user(root, name) is not None


def has_group(root: Path, name: str) -> bool:
    """Return whether the Unix group exists."""
    return _group(root, name) is not None


def numbers(root: Path, owner: str, group_of: str | None = None) -> tuple[int, int]:
    """Return the uid of `owner`, and the gid of the primary group of `group_of`. If `group_of` is
    None, return the gid of the primary group of `owner`.

    Raises Problem if an account does not exist.
    """
    user, other = _user(root, owner), _user(root, group_of or owner)
    if user is None or other is None:
        name = owner if user is None else group_of
        raise Problem(
            f"the account {name} does not exist",
            str(root / "etc/passwd"),
            "sudo make apply creates the site's accounts",
        )
    return user[0], other[1]


def make_group(root: Path, name: str) -> None:
    """Create a system group. Raises CommandFailed."""
    _change(root, "groupadd", "--system", name)


def make_account(root: Path, name: str, home: Path, shell: Path) -> None:
    """Create a system account without a password. Raises CommandFailed.

    The account's group, which has the same name, must exist.
    """
    home_and_shell: Argv = ["--no-create-home", "--home-dir", home, "--shell", shell]
    _change(root, "useradd", "--system", "--gid", name, *home_and_shell, name)


def make_numbered_group(root: Path, name: str, gid: int) -> None:
    """Create a group with this gid. Raises CommandFailed."""
    _change(root, "groupadd", "--gid", str(gid), name)


def make_login_account(
    root: Path, name: str, uid: int, group: str, home: Path, shell: Path
) -> None:
    """Create a user's account with its home, which only this user can enter, and no password.

    The account's own group, which has the same name, must exist. The account also becomes a member
    of `group`. useradd is called with options that leave the login records (lastlog) unchanged.
    Raises CommandFailed.
    """
    numbers: Argv = ["--uid", str(uid), "--gid", name, "--groups", group]
    at: Argv = ["--create-home", "--home-dir", home, "--key", "HOME_MODE=0700", "--shell", shell]
    _change(root, "useradd", "--no-log-init", *numbers, *at, name)


def set_password(root: Path, name: str, password: str) -> None:
    """Set the password of an account with chpasswd. The password is not on a command line, because
    other accounts could read the command line. Raises CommandFailed."""
    _change(root, "chpasswd", stdin=f"{name}:{password}\n")


def group_name(root: Path, user: str) -> str:
    """Return the name of a user's primary group; the user's name if the account does not exist."""
    found = _user(root, user)
    if found is None:
        return user
    return group_of_number(root, found[1]) or str(found[1])


def group_of_number(root: Path, gid: int) -> str | None:
    """Return the name of the group with this gid; None if no group has this gid."""
    if root == MACHINE:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return None
    return next((row[0] for row in _rows(root / "etc/group") if int(row[2]) == gid), None)


def is_member(root: Path, user: str, group: str) -> bool:
    """Return whether the account is a member of the group; False if the account or the group does
    not exist."""
    account, gid = _user(root, user), _group(root, group)
    if account is None or gid is None:
        return False
    return user in listed(root, group) or account[1] == gid


def listed(root: Path, group: str) -> list[str]:
    """Return the members that /etc/group lists for a group, in the order of the file."""
    if root == MACHINE:
        return grp.getgrnam(group).gr_mem
    return next(row[3].split(",") for row in _rows(root / "etc/group") if row[0] == group)


def members(root: Path, group: str) -> set[str]:
    """Return all members of a group, including the accounts that have the group as their primary
    group.

    Members that are only in a directory service, such as LDAP, may be missing.
    """
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
    """Return the accounts with a password hash in /etc/shadow. Raises PermissionError.

    The result includes locked accounts, whose hash begins with `!`. An administrator has locked
    these accounts intentionally, so they do not count as accounts without a password.
    """
    return {row[0] for row in _rows(root / "etc/shadow") if row[1].strip("!*")}


def add_member(root: Path, user: str, group: str) -> None:
    """Add an account to a group. Raises CommandFailed."""
    _change(root, "usermod", "--append", "--groups", group, user)


def remove_account(root: Path, name: str) -> None:
    """Remove an account and its memberships. The account's files are kept. Raises CommandFailed."""
    _change(root, "userdel", name)


def remove_group(root: Path, name: str) -> None:
    """Remove a group. Raises CommandFailed."""
    _change(root, "groupdel", name)


def remove_member(root: Path, user: str, group: str) -> None:
    """Remove an account from a group; the account itself is kept. Raises CommandFailed."""
    _gpasswd(root, "--delete", user, group)


def put_members(root: Path, group: str, members: list[str]) -> None:
    """Replace the list of the members of a group; the order is kept. Raises CommandFailed."""
    _gpasswd(root, "--members", ",".join(members), group)


def _gpasswd(root: Path, *words: Arg) -> None:
    """Run gpasswd with the arguments `words`, for the file tree `root`."""
    with _tools_backups(root):
        run(["gpasswd", *([] if root == MACHINE else ["--root", str(root)]), *words])


def _change(root: Path, tool: str, *words: Arg, stdin: str = "") -> None:
    """Run a tool that changes accounts, such as useradd, with the arguments `words`, for the file
    tree `root`."""
    with _tools_backups(root):
        run([tool, *([] if root == MACHINE else ["--prefix", str(root)]), *words], stdin=stdin)


@contextmanager
def _tools_backups(root: Path) -> Iterator[None]:
    """Save the copies (such as /etc/passwd-) that the account tools overwrite, and restore these
    copies after the `with` block.

    The copies are overwritten in place, because a new file instead of `shadow-` would lose the
    SELinux label.
    """
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
    """Return the uid and gid of an account; None if the account does not exist.

    On the running machine, this function queries the name service (nsswitch.conf(5)), which also
    has the accounts of LDAP. In another file tree, the function reads /etc/passwd.
    """
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
    """Return the gid of a group; None if the group does not exist."""
    if root == MACHINE:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None
    return next((int(row[2]) for row in _rows(root / "etc/group") if row[0] == name), None)


def _rows(path: Path) -> list[list[str]]:
    """Return the fields of each line of /etc/passwd, /etc/group or /etc/shadow."""
    return [line.split(":") for line in path.read_text().splitlines() if line.count(":") >= 3]
