"""Create or remove one participant's account, with group, home, crontab and mail.

After an interruption, each function of this file can be called again, and completes its work.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ...base.progress import say
from ...base.uninterrupted import uninterrupted
from ..host.mounts_below_folder import mounts_in
from ..installed import unix_accounts
from ..installed.change_owner import hand_over
from ..installed.read_and_restore_path import MACHINE
from . import remove_spool_files
from .account_record import Participant

SHELL = Path("/bin/bash")


def obstacles(person: Participant) -> Iterator[str]:
    """Yield a message if an account, a group or a home with the name of the new account already
    exists on this machine.
    """
    if _account(person.name):
        yield f"an account {person.name} exists"
    elif _group(person.name):
        yield f"a group {person.name} exists"
    if os.path.lexists(person.home):
        yield f"{person.home} exists"


def is_ours(person: Participant) -> bool:
    """Return whether the account has the recorded uid and home. The result is also True if the
    account does not exist.
    """
    entry = _account(person.name)
    return entry is None or (entry.pw_uid, Path(entry.pw_dir)) == (person.uid, person.home)


def has_uid(person: Participant) -> bool:
    """Return whether the recorded uid belongs to the recorded account, or to no account of this
    machine.

    If somebody has removed the account by hand, a new account may have the same uid.
    """
    try:
        return pwd.getpwuid(person.uid).pw_name == person.name
    except KeyError:
        return True


def create(person: Participant, group: str) -> None:
    """Create the account with its own group and home, and set the password.

    The account is also a member of `group`. Raises CommandFailed.
    """
    shell = SHELL if SHELL.exists() else Path("/bin/sh")
    unix_accounts.make_numbered_group(MACHINE, person.name, person.uid)
    unix_accounts.make_login_account(MACHINE, person.name, person.uid, group, person.home, shell)
    unix_accounts.set_password(MACHINE, person.name, person.password)


def remove(person: Participant, keep_data: bool) -> Iterator[str]:
    """Remove the account with its group and home. Yield a line for each object that could not be
    removed.

    With `keep_data`, the home is kept. Because the owner of a kept home becomes root, a later
    account with the same uid cannot read the home. An account or group with the recorded name but
    another uid or gid is not removed. Raises CommandFailed if a process of the account runs.
    """
    account, group = _account(person.name), _group(person.name)
    gone = account is None
    if not is_ours(person):
        yield f"left the account {person.name}: its uid or its home was changed"
        return
    with uninterrupted():
        if account:
            remove_spool_files.remove(person.name, person.uid)
            unix_accounts.remove_account(MACHINE, person.name)
            # userdel may have removed the group (login.defs(5), USERGROUPS_ENAB)
            group = _group(person.name)
        if group and group.gr_gid == person.uid:
            unix_accounts.remove_group(MACHINE, person.name)
    if group and group.gr_gid != person.uid:
        yield f"left the group {person.name}: its gid was changed"
    yield from _home(person, keep_data, gone)


def _home(person: Participant, keep_data: bool, gone: bool) -> Iterator[str]:
    """Remove the home or, with `keep_data`, make root the owner of the home. `gone` is true if the
    account does not exist any more.

    An interrupted run may have removed the account, and made root the owner of the home, but not
    yet of all files in the home. Therefore, with `keep_data`, a home that root owns is accepted if
    the account does not exist.
    """
    try:
        status = person.home.lstat()
    except FileNotFoundError:
        return
    # useradd creates the home with the owner root, and then makes the account the owner
    roots = person.state == "begun" or (gone and keep_data)
    owners = {person.uid, 0} if roots else {person.uid}
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid in owners and has_uid(person)
    if not ours:
        yield f"left {person.home}: it does not belong to {person.name}"
    elif points := mounts_in(person.home):
        yield f"left {person.home}: a filesystem is mounted at {points[0]}"
    elif keep_data:
        hand_over(person.home, (0, 0))
        say(f"    kept {person.home}: it belongs to root now; remove it with: rm -r {person.home}")
    else:
        shutil.rmtree(person.home)


def _account(name: str) -> pwd.struct_passwd | None:
    """Return an account's entry in the password database; None if the account does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _group(name: str) -> grp.struct_group | None:
    """Return a group's entry in the group database; None if the group does not exist."""
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None
