"""The prefix as a place to write: safe parents, one writer at a time, modes that hold whatever the
umask."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem
from ...base.path_access import way
from ...site import Site

LONGEST = 255
"""conda packages hold a placeholder of this length, which the prefix replaces; a longer one does
not fit."""


@contextmanager
def opened(site: Site) -> Iterator[Path]:
    """Make the prefix ready, hold it alone while the block runs, and give its cache, which only its
    owner can read.

    The cache lies in the prefix: then releases are hard links into it, and no user could ever write
    to one of them. Raises Problem when the prefix is not safe, not writable, full, or held by
    another sitekit.
    """
    refuse_unsafe(site.paths.prefix)
    cache = site.paths.prefix / ".cache"
    for place in (site.releases, cache):
        if place.is_symlink():
            what = f"is a link to {os.readlink(place)}, and leaves the prefix"
            raise Problem(
                what,
                str(place),
                "make it a directory of the prefix, or move paths.prefix in site.yml",
            )
    if len(str(site.releases / "2000-01-01-01234567")) > LONGEST:
        raise Problem(
            f"is too long: with its releases it has more than {LONGEST} letters",
            str(site.paths.prefix),
        )
    before = os.umask(0o022)
    try:
        with _held(site, cache):
            yield cache
    except OSError as error:
        remedy = (
            "make room, then run the same command again"
            if error.errno == errno.ENOSPC
            else "run it again"
        )
        raise Problem(
            f"{error.strerror}", str(error.filename or site.paths.prefix), remedy
        ) from error
    finally:
        os.umask(before)


@contextmanager
def _held(site: Site, cache: Path) -> Iterator[None]:
    try:
        for folder in (site.paths.prefix, site.releases):
            folder.mkdir(parents=True, exist_ok=True)
        cache.mkdir(mode=0o700, exist_ok=True)
        cache.chmod(0o700)
        lock = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        remedy = "run it as the owner of the prefix, or change paths.prefix in site.yml"
        raise Problem(
            f"cannot write here: {error.strerror}", str(site.paths.prefix), remedy
        ) from None
    try:
        _hold(lock, site)
        yield
    finally:
        os.close(lock)


def refuse_unsafe(prefix: Path) -> None:
    """Raise Problem when somebody else than root and the owner could replace the prefix or what
    lies in it, or a folder or a link that leads there."""
    try:
        steps = way(prefix)
    except OSError as error:
        raise Problem(
            f"cannot be looked at: {error.strerror}", str(prefix), "run it as its owner"
        ) from None
    for step in steps:
        where, status = str(step.path), step.status
        if status.st_uid not in (0, os.geteuid()):
            what = f"belongs to {step.owner}, who could replace the environment that everybody runs"
            raise Problem(
                what,
                where,
                f"run it as that user, or give the {'link' if step.link else 'directory'} to root",
            )
        if step.everybody_writes or step.group_writes:
            who = "anybody" if step.everybody_writes else f"every member of {step.group}"
            raise Problem(
                f"{who} can write here and replace the environment", where, f"chmod go-w {where}"
            )


def set_modes(release: Path) -> int:
    """Let everybody read the release and nobody but its owner write to it; return how many modes
    were changed.

    Packages bring modes of their own, and rattler makes entry points with 0775.
    """
    changed = 0
    for folder, _, files in os.walk(release):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                continue
            wanted = (
                (mode | 0o444 | (0o111 if stat.S_ISDIR(mode) or mode & 0o111 else 0))
                & 0o7777
                & ~0o022
            )
            if stat.S_IMODE(mode) != wanted:
                os.chmod(path, wanted)
                changed += 1
    return changed


def _hold(lock: int, site: Site) -> None:
    """The kernel lets go of the lock when its holder dies, however it dies, on whichever node it
    was."""
    where = str(site.paths.prefix)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 100, 0).decode(errors="replace").strip()
        raise Problem(
            f"another sitekit is at work here ({holder})", where, "wait until it is done"
        ) from None
    except OSError as error:
        remedy = "mount it with flock (Lustre: -o flock), so that two cannot write at once"
        raise Problem(f"this filesystem knows no locks: {error.strerror}", where, remedy) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
