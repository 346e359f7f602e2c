"""Read the files of the machine's accounts, such as /etc/passwd: compute their hashes, and find
free uids and the folder for homes."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import run
from ..host.file_to_write import digest
from . import account_record

FILES = tuple(
    Path("/etc") / name for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
)


def hashes() -> dict[str, str]:
    """Return the SHA-256 of each account file that exists: path -> hash."""
    return {str(path): digest(path.read_bytes()) for path in FILES if path.exists()}


def free_uids() -> Iterator[int]:
    """Yield free uids, which are above all used uids and gids between UID_MIN and UID_MAX. Raises
    Problem.

    A number is omitted if a group has this number as its gid, or if an earlier participant had this
    uid. The limits UID_MIN and UID_MAX are in login.defs(5).
    """
    low, high = _limit("UID_MIN", 1000), _limit("UID_MAX", 60000)
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    taken |= account_record.uids_of_all()
    used = [number for number in taken if low <= number <= high]
    for number in range(max([*used, low - 1, account_record.highest_uid()]) + 1, high + 1):
        if not _in_directory(number):
            yield number
    what = f"no uid is free between the highest one in use and {high}"
    raise Problem(
        what, "/etc/login.defs", "raise UID_MAX, or remove the account with the highest uid"
    )


def home_base() -> Path:
    """Return the folder in which useradd creates homes, usually /home."""
    for line in run(["useradd", "--defaults"]).stdout.splitlines():
        name, _, value = line.partition("=")
        if name == "HOME" and value.startswith("/"):
            return Path(value)
    return Path("/home")


def _limit(key: str, default: int) -> int:
    """Return the number that is set for a key of /etc/login.defs, such as UID_MIN; `default` if the
    key is not set."""
    try:
        lines = Path("/etc/login.defs").read_text().splitlines()
    except FileNotFoundError:
        return default
    found = [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == key]
    return int(found[-1]) if found and found[-1].isdigit() else default


def _in_directory(number: int) -> bool:
    """Return whether the name service has an account or a group with this number, for example in
    LDAP.

    The name service is queried for each number, because a directory service such as LDAP may not
    list all its accounts.
    """
    for known in (pwd.getpwuid, grp.getgrgid):
        try:
            known(number)
        except KeyError:
            continue
        return True
    return False
