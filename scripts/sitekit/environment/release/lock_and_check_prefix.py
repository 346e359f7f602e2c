"""Prepare the prefix (the shared folder of all releases) for writing. Refuse unsafe parent folders,
lock the prefix against other runs of sitekit, and set the modes of files."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem
from ...base.permissions_along_path import steps_of_path
from ...site import Site

LONGEST = 255
"""The longest path of a release, in characters. conda packages contain a placeholder of this
length, which the installer replaces by the path."""


@contextmanager
def open_prefix(site: Site) -> Iterator[Path]:
    """Create and lock the prefix, and yield the path of the prefix's cache. Only the owner of the
    prefix can read the cache.

    The cache is in the prefix, because files of releases are hard links to files of the cache.
    Users cannot write to the files of the cache. Raises Problem if the prefix is unsafe, not
    writable, full, or locked by another sitekit.
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
            f"is too long: the paths of its releases have more than {LONGEST} characters",
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
            else "run the command again"
        )
        raise Problem(
            f"{error.strerror}", str(error.filename or site.paths.prefix), remedy
        ) from error
    finally:
        os.umask(before)


@contextmanager
def _held(site: Site, cache: Path) -> Iterator[None]:
    """Create the folders of the prefix, and hold the prefix's lock while the `with` block runs."""
    try:
        for folder in (site.paths.prefix, site.releases):
            folder.mkdir(parents=True, exist_ok=True)
        cache.mkdir(mode=0o700, exist_ok=True)
        cache.chmod(0o700)
        lock = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        remedy = "run the command as the owner of the prefix, or change paths.prefix in site.yml"
        raise Problem(
            f"cannot write here: {error.strerror}", str(site.paths.prefix), remedy
        ) from None
    try:
        _hold(lock, site)
        yield
    finally:
        os.close(lock)


def refuse_unsafe(prefix: Path) -> None:
    """Raise Problem if an account other than root and the account of this process could replace the
    prefix.

    All folders and symbolic links on the path to the prefix are checked too.
    """
    try:
        steps = steps_of_path(prefix)
    except OSError as error:
        raise Problem(
            f"cannot be read: {error.strerror}",
            str(prefix),
            "run the command as the owner of the prefix",
        ) from None
    for step in steps:
        where, status = str(step.path), step.status
        if status.st_uid not in (0, os.geteuid()):
            what = f"belongs to {step.owner}, who could replace the environment that everybody runs"
            raise Problem(
                what,
                where,
                f"run the command as that user, or give the {'link' if step.link else 'directory'} to root",
            )
        if step.everybody_writes or step.group_writes:
            who = "anybody" if step.everybody_writes else f"every member of {step.group}"
            raise Problem(
                f"{who} can write here and replace the environment", where, f"chmod go-w {where}"
            )


def set_modes(release: Path) -> int:
    """Set file modes with which everybody can read the release, and only its owner can write.
    Return the number of changed modes.

    This is necessary because packages contain files with other modes, and rattler creates entry
    points with mode 0775.
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
    """Lock the prefix. If another process has locked the prefix, raise Problem with the host and
    the id of this process.

    `lock` is the file descriptor of the lock file. Linux releases the lock when the process ends,
    even if the process was killed.
    """
    where = str(site.paths.prefix)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 100, 0).decode(errors="replace").strip()
        raise Problem(
            f"another sitekit is at work here ({holder})", where, "wait until it is done"
        ) from None
    except OSError as error:
        remedy = "mount it with flock (Lustre: -o flock) so that two commands cannot write at once"
        raise Problem(f"this filesystem has no locks: {error.strerror}", where, remedy) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
