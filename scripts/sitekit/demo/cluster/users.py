"""Create and remove the demo's users, their groups and their passwords."""

from __future__ import annotations

import grp
import json
import pwd
import secrets
from collections.abc import Callable
from pathlib import Path

from ...base.command import run
from ...base.files import write_atomic
from . import layout
from .record import Made

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Characters of passwords, without those that look like another one on a screen."""


def ensure_people(made: Made) -> dict[str, str]:
    """Create the users, groups and passwords that are missing; return the password of each user.

    Raises CommandFailed.
    """
    passwords = ensure_passwords(layout.PASSWORDS)
    for user in layout.USERS:
        if not _exists(pwd.getpwnam, user):
            made.claim("users", user)
            # Only its owner may read a home directory. Without this option the umask or the
            # distribution's default would set the mode.
            run(
                [
                    "useradd",
                    "--create-home",
                    "--shell",
                    "/bin/bash",
                    "--user-group",
                    "--key",
                    "HOME_MODE=0700",
                    user,
                ]
            )
            run(["chpasswd"], stdin=f"{user}:{passwords[user]}\n")
    for group, members in layout.GROUPS.items():
        if not _exists(grp.getgrnam, group):
            made.claim("groups", group)
            run(["groupadd", group])
        for member in members:
            if member not in grp.getgrnam(group).gr_mem:
                run(["usermod", "--append", "--groups", group, member])
    return passwords


def ensure_passwords(path: Path) -> dict[str, str]:
    """Read the file of passwords, or create the file if it is missing.

    Only root can read this file.
    """
    if not path.exists():
        words = {user: "-".join(_word() for _ in range(3)) for user in layout.USERS}
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(path, json.dumps(words, indent=2) + "\n", mode=0o600)
    return json.loads(path.read_text())


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))


def _exists(lookup: Callable[[str], object], name: str) -> bool:
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def remove_people(made: Made) -> list[str]:
    """Remove the users and groups that the demo made, and the users' home directories.

    Return a list of what was removed.
    """
    removed = []
    for user in made.names("users"):
        if _exists(pwd.getpwnam, user):
            run(["userdel", "--remove", "--force", user])
            removed.append(f"user {user}")
    for group in made.names("groups"):
        if _exists(grp.getgrnam, group):
            run(["groupdel", group])
            removed.append(f"group {group}")
    return removed
