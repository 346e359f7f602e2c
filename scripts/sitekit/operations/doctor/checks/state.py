"""Check the state folder: its file system, the hub's database, the ledger and the backups."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....base.finding import Finding, warning
from ....contracts.database_url import postgresql
from ....hub.ledger.ledger_schema import VERSION
from ....machine.checks.postgresql_and_database_change import check_database
from ....machine.checks.preconditions import check_state_owner
from ....machine.host.postgresql import refuse_unusable
from ....machine.host.target import Target
from ....machine.installed import unix_accounts
from ....machine.installed.manifest import manifest_path
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.run.maintenance_and_state_folder import LOW_SPACE
from ..check import Subject
from ..context import Context, Unanswered, first_missing
from .site_file import problems

subject = Subject("state", "The state of the hub")
FULL, LOW_INODES = 8 * 1024**2, 0.03
NETWORK = ("nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb3", "fuse.glusterfs")
BACKUP_SECONDS = 2.5 * 86400


@subject.check(
    "folder",
    "whether the folder paths.state exists",
    "without this folder the hub cannot start",
    "mount its file system, or: sudo make apply",
    needs=("site.applied",),
    before=("start",),
)
def folder(here: Context) -> Iterator[Finding]:
    if not here.site.paths.state.is_dir():
        yield Finding(f"{first_missing(here.site.paths.state)} is not there", "paths.state")


@subject.check(
    "space",
    "free bytes and inodes on the file system of the state folder",
    "when this file system is full, the hub cannot write its database, and nobody can log in",
    "remove files there, or enlarge the file system",
    needs=("state.folder",),
    before=("apply", "start"),
)
def space(here: Context) -> Iterator[Finding]:
    state = here.site.paths.state
    found = os.statvfs(state)
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if total and free < FULL:
        yield Finding(f"it is full: {free / 1024:.0f} kB are free", str(state))
    elif total and free < total * LOW_SPACE:
        yield warning(f"{free / 1e6:.0f} MB of {total / 1e9:.1f} GB are free", str(state))
    if found.f_files and found.f_favail == 0:
        yield Finding("no inode is free", str(state))
    elif found.f_files and found.f_favail < found.f_files * LOW_INODES:
        yield warning(f"{found.f_favail} of {found.f_files} inodes are free", str(state))


@subject.check(
    "local",
    "type and mount options of the state folder's file system",
    "SQLite loses data on a network file system",
    "name a folder on the hub's own disk in paths.state",
    needs=("state.folder",),
    before=("apply", "start"),
)
def local(here: Context) -> Iterator[Finding]:
    kind, options = mount_of(here.site.paths.state)
    if kind in NETWORK:
        yield warning(f"it is on {kind}", str(here.site.paths.state))
    if "ro" in options:
        yield Finding("its file system is mounted read-only", str(here.site.paths.state))


def mount_of(path: Path) -> tuple[str, list[str]]:
    """Return the type and the mount options of the filesystem that contains a path (proc(5),
    mountinfo)."""
    best: tuple[int, str, list[str]] = (-1, "", [])
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        fields, rest = head.split(), tail.split()
        place = Path(fields[4].encode().decode("unicode_escape"))
        if path.resolve().is_relative_to(place) and len(place.parts) >= best[0]:
            best = (len(place.parts), rest[0], fields[5].split(","))
    return best[1], best[2]


@subject.check(
    "owner",
    "owner and mode of the state folder",
    "only the hub's account may read it: it contains the secrets of all users' logins",
    "chown -R HUB FOLDER; chmod 700 FOLDER",
    needs=("state.folder", "accounts.exist"),
    before=("start",),
)
def owner(here: Context) -> Iterator[Finding]:
    site, found = here.site, here.site.paths.state.stat()
    hub = unix_accounts.numbers(MACHINE, site.hub.user)[0]
    if found.st_uid != hub:
        remedy = f"chown {site.hub.user} {site.paths.state}"
        yield Finding(f"it does not belong to {site.hub.user}", str(site.paths.state), remedy)
    if (mode := stat.S_IMODE(found.st_mode)) & 0o077:
        remedy = f"chmod 700 {site.paths.state}"
        yield Finding(f"others may enter it (mode {mode:04o})", str(site.paths.state), remedy)
    elif mode & 0o700 != 0o700:
        remedy = f"chmod 700 {site.paths.state}"
        yield Finding(f"the hub may not use it (mode {mode:04o})", str(site.paths.state), remedy)
    if here.root:
        yield from problems(lambda: check_state_owner(site, MACHINE))


@subject.check(
    "files",
    "owner and mode of the files in the state folder",
    "a database of another account makes the hub fail at its first write",
    "chown HUB FILE; chmod 600 FILE",
    needs=("state.folder", "accounts.exist"),
    root=True,
)
def files(here: Context) -> Iterator[Finding]:
    hub = unix_accounts.numbers(MACHINE, here.site.hub.user)[0]
    for path in sorted(here.site.paths.state.iterdir()):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            continue
        if path.name == "cookie_secret" and found.st_mode & 0o007:
            continue  # the check state.cookie-secret reports this
        if found.st_uid != hub:
            remedy = f"chown {here.site.hub.user} {path}"
            yield Finding(f"it does not belong to {here.site.hub.user}", str(path), remedy)
        elif found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            yield warning(f"others may read it (mode {mode:04o})", str(path), f"chmod 600 {path}")
        elif not found.st_mode & 0o200 or not found.st_mode & 0o400:
            mode = stat.S_IMODE(found.st_mode)
            yield Finding(f"the hub may not write it ({mode:04o})", str(path), f"chmod 600 {path}")


@subject.check(
    "cookie-secret",
    "mode and content of the file cookie_secret",
    "without a valid secret the hub does not start",
    "remove the file, and sudo make start: all users have to log in again",
    needs=("state.folder",),
    root=True,
    before=("start",),
)
def cookie_secret(here: Context) -> Iterator[Finding]:
    path = here.site.paths.state / "cookie_secret"
    if not path.exists():
        return  # the hub creates this file at its first start
    if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o007:
        what = f"others may read it (mode {mode:04o}), and JupyterHub refuses to start"
        yield Finding(what, str(path), f"chmod 600 {path}")
    text = path.read_text(errors="replace").strip()
    if len(text) < 64 or any(letter not in "0123456789abcdef" for letter in text.lower()):
        yield Finding("it is no secret of 32 bytes in hexadecimal digits", str(path))


@subject.check(
    "database",
    "whether the hub's account can read and write the database, and whether it is undamaged",
    "the database contains users, servers and tokens; without it nobody can log in",
    "sudo make stop; sudo make restore FROM=backup",
    needs=("state.folder", "accounts.exist"),
    follows=("state.space", "state.local", "state.owner", "state.files"),
    root=True,
    before=("start",),
)
def database(here: Context) -> Iterator[Finding]:
    if postgresql(here.applied) is None:
        yield from _database(here, here.site.database)
        return
    yield from problems(lambda: check_database(Target(here.site, MACHINE)))
    yield from problems(lambda: refuse_unusable(here.applied))


@subject.check(
    "ledger",
    "whether the hub's account can read and write the ledger, and its version",
    "the ledger contains the jobs of all servers; without the ledger the hub does not start",
    "sudo make stop; sudo make restore FROM=backup",
    needs=("state.folder", "accounts.exist"),
    follows=("state.space", "state.local", "state.owner", "state.files"),
    root=True,
    before=("start",),
)
def ledger(here: Context) -> Iterator[Finding]:
    yield from _database(here, here.site.ledger)
    if not here.site.ledger.exists():
        return
    version = open_starts(here).get("version", 0)
    if version > VERSION:
        what = f"it has version {version}, and this sitekit can read versions up to {VERSION}"
        yield Finding(what, str(here.site.ledger), "go to the newer release: make rollback")


def _database(here: Context, path: Path) -> Iterator[Finding]:
    """Yield a finding if the hub's account cannot use a SQLite database of the hub."""
    if not path.exists():
        if here.states.get("hub") and here.states["hub"].word == "running":
            yield Finding("it is not there, although the hub runs", str(path), "sudo make start")
        return
    if fault := here.look_as(here.site.hub.user, databases=[str(path)])["databases"][str(path)]:
        remedy = "find who holds it: fuser -v FILE" if "locked" in fault else ""
        yield Finding(f"the hub cannot use it: {fault}", str(path), remedy)


def open_starts(here: Context) -> dict[str, Any]:
    """Return the starts in the ledger (the hub's record of starts) that have not ended, and the
    ledger's version. Raises Unanswered."""
    if not here.site.ledger.exists():
        return {}
    answer = here.look_as(here.site.hub.user, starts=str(here.site.ledger))["starts"]
    if "fault" in answer:
        raise Unanswered(f"the ledger: {answer['fault']}")
    result: dict[str, Any] = answer
    return result


@subject.check(
    "backup",
    "the age of the newest backup",
    "without a backup, a broken disk loses all users' named servers, tokens and secrets",
    "sudo make backup; systemctl status sitekit-NAME-backup",
    needs=("site.applied",),
    root=True,
    applies=lambda site: site.backup.at != "never",
)
def backup(here: Context) -> Iterator[Finding]:
    site, now = here.site, time.time()
    applied_at = manifest_path(site).stat().st_mtime if manifest_path(site).exists() else now
    times = [path.stat().st_mtime for path in site.backups.glob("*") if path.is_file()]
    newest = max(times, default=None)
    if newest is None and now - applied_at > BACKUP_SECONDS:
        yield warning("there is no backup", str(site.backups))
    elif newest is not None and now - newest > BACKUP_SECONDS:
        yield warning(
            f"the newest backup is {(now - newest) / 86400:.0f} days old", str(site.backups)
        )


@subject.check(
    "maintenance",
    "whether the maintenance page is shown",
    "users see this page in place of the hub",
    "sudo make maintenance_off",
)
def maintenance(here: Context) -> Iterator[Finding]:
    if here.site.maintenance.exists():
        yield warning(
            f"{here.site.front.url} shows the maintenance page", str(here.site.maintenance)
        )


@subject.check(
    "logs",
    "whether the folder of the logs exists, is not mounted read-only, and has free space",
    "a full disk of the logs stops the front, and hides the reasons of all other faults",
    "remove old logs",
    needs=("site.applied",),
)
def logs(here: Context) -> Iterator[Finding]:
    if not here.site.log.is_dir():
        yield Finding("the folder of the logs is not there", str(here.site.log), "sudo make apply")
        return
    if "ro" in mount_of(here.site.log)[1]:
        yield Finding("the file system of the logs is mounted read-only", str(here.site.log))
    found = os.statvfs(here.site.log)
    if found.f_blocks and found.f_bavail * found.f_frsize < FULL:
        yield Finding("the file system of the logs is full", str(here.site.log))
