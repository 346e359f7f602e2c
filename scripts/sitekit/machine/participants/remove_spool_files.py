"""Remove an account's files outside of its home: crontab, at jobs, mail, and the setting `linger`
of systemd.

If these files stayed on the machine, they would belong to a later account with the same name or
uid.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from ...base.run_program import run

CRONTABS = (Path("/var/spool/cron/crontabs"), Path("/var/spool/cron"))
AT = tuple(Path("/var/spool") / name for name in ("cron/atjobs", "cron/atspool", "at", "at/spool"))
"""The folders of at(1) for jobs and for the output of jobs."""
MAIL = (Path("/var/mail"), Path("/var/spool/mail"))
LINGER = Path("/var/lib/systemd/linger")
"""The folder in which `loginctl enable-linger` creates a file for each account."""


def remove(name: str, uid: int) -> None:
    """Remove the account's crontab, at jobs, mail and `linger` setting (loginctl(1))."""
    if any((folder / name).is_file() for folder in CRONTABS):
        run(["crontab", "-u", name, "-r"])
    for folder in AT:
        for path in [*folder.iterdir()] if folder.is_dir() else []:
            _remove_file(path, uid)
    for folder in MAIL:
        _remove_file(folder / name, uid)
    (LINGER / name).unlink(missing_ok=True)


def _remove_file(path: Path, uid: int) -> None:
    """Remove the file `path` if it is a regular file and its owner has this uid."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_uid == uid:
            path.unlink()
