"""Create and remove the demo's users, groups and passwords."""

from __future__ import annotations

import grp
import json
import pwd
from collections.abc import Callable
from pathlib import Path

from ...base.files import write_atomic
from ...base.run_program import run
from ...machine.participants.passwords import new_password
from . import paths_and_ports
from .record_changes import Made


def ensure_people(made: Made) -> dict[str, str]:
    """Create the demo's users, groups and passwords, if they are missing. Return a map of user
    names to passwords.

    Raises CommandFailed if a command such as useradd fails.
    """
    passwords = ensure_passwords(paths_and_ports.PASSWORDS)
    for user in paths_and_ports.USERS:
        if not _exists(pwd.getpwnam, user):
            made.claim("users", user)
            # With 0700, only the owner can read a home, whatever the umask and the distribution's
            # default are.
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
    for group, members in paths_and_ports.GROUPS.items():
        if not _exists(grp.getgrnam, group):
            made.claim("groups", group)
            run(["groupadd", group])
        for member in members:
            if member not in grp.getgrnam(group).gr_mem:
                run(["usermod", "--append", "--groups", group, member])
    return passwords


def ensure_passwords(path: Path) -> dict[str, str]:
    """Return the demo users' passwords from the file `path`, which only root can read, as a map of
    user names to passwords. If the file does not exist, generate the passwords and write the
    file."""
    if not path.exists():
        words = {user: new_password() for user in paths_and_ports.USERS}
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(path, json.dumps(words, indent=2) + "\n", mode=0o600)
    return json.loads(path.read_text())


def _exists(lookup: Callable[[str], object], name: str) -> bool:
    """Return whether an account or a group of this name exists."""
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def remove_people(made: Made) -> list[str]:
    """Remove the demo's users with their homes, and the demo's groups. Return the names of
    everything that was removed."""
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
