"""Remove what services of the machine keep for an account outside of its home.

A later account with the same name or uid would get it otherwise.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from ...base.command import run

CRONTABS = (Path("/var/spool/cron/crontabs"), Path("/var/spool/cron"))
AT = tuple(Path("/var/spool") / name for name in ("cron/atjobs", "cron/atspool", "at", "at/spool"))
"""The folders of at(1): of its jobs, and of what these have printed."""
MAIL = (Path("/var/mail"), Path("/var/spool/mail"))
LINGER = Path("/var/lib/systemd/linger")
"""The folder of `loginctl enable-linger`, with a file for each account."""


def remove(name: str, uid: int) -> None:
    """Remove the account's crontab, at jobs and mail, and its permission to linger."""
    if any((folder / name).is_file() for folder in CRONTABS):
        run(["crontab", "-u", name, "-r"])
    for folder in AT:
        for path in [*folder.iterdir()] if folder.is_dir() else []:
            _remove_file(path, uid)
    for folder in MAIL:
        _remove_file(folder / name, uid)
    (LINGER / name).unlink(missing_ok=True)


def _remove_file(path: Path, uid: int) -> None:
    """Remove a regular file of this owner."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_uid == uid:
            path.unlink()
