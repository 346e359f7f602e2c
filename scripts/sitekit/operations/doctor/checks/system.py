"""Check parts of the operating system that every service and every server needs."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ....base.errors import Problem
from ....base.finding import Finding, warning
from ..check import Subject
from ..context import Context, Unanswered

subject = Subject("system", "The operating system")
FULL = 64 * 1024
SHARED = {"/tmp": "wx", "/dev/shm": "wx", "/dev/null": "rw", "/etc/passwd": "r"}  # noqa: S108
"""Files and folders that programs of all accounts use: path -> the access that they need."""


@subject.check(
    "shared-places",
    f"whether the hub's account and a user can use {', '.join(SHARED)}",
    "hub, sudo, the gate and kernels use them, and fail with misleading messages",
    "chmod 1777 /tmp /dev/shm; chmod 666 /dev/null; chmod 644 /etc/passwd",
    root=True,
)
def shared_places(here: Context) -> Iterator[Finding]:
    for who in dict.fromkeys((here.site.hub.user, here.user)):
        try:
            found = here.look_as(who, paths=SHARED)["paths"] if who else {}
        except (Unanswered, Problem):
            continue  # the checks accounts.exist and login.directory report this
        for path, fault in found.items():
            if fault and Path(path).parent.is_dir():
                yield Finding(f"as {who}: {fault}", path)


@subject.check(
    "tmp-sticky",
    "the mode of /tmp and /dev/shm",
    "without the sticky bit, users can remove and replace each other's files there",
    "chmod 1777 FOLDER",
)
def tmp_is_sticky(here: Context) -> Iterator[Finding]:
    for path in (Path("/tmp"), Path("/dev/shm")):  # noqa: S108
        if path.is_dir() and path.stat().st_mode & 0o1002 == 0o0002:
            yield Finding("everybody can remove others' files", str(path), f"chmod 1777 {path}")


@subject.check(
    "run-space",
    "free bytes and inodes on the file systems of /run and of the site's folder there",
    "when it is full, systemd starts no service, and sudo and sshd refuse",
    "du -xh --max-depth=2 /run shows what fills it; remove that",
)
def run_space(here: Context) -> Iterator[Finding]:
    for path in (Path("/run"), here.site.run):
        if not path.is_dir():
            continue
        found = os.statvfs(path)
        if found.f_blocks and found.f_bavail * found.f_frsize < FULL:
            yield Finding(f"it is full: {found.f_bavail * found.f_frsize} bytes free", str(path))
        elif found.f_files and found.f_favail == 0:
            yield Finding("no inode is free", str(path))


@subject.check(
    "localhost",
    "whether the name localhost has the address 127.0.0.1, and no other address except ::1",
    "programs that talk to each other on this machine find each other by this name",
    "add to /etc/hosts: 127.0.0.1 localhost",
)
def localhost(here: Context) -> Iterator[Finding]:
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError as fault:
        yield Finding(f"localhost has no address: {fault.strerror}", "/etc/hosts")
        return
    addresses = sorted({str(one[4][0]) for one in found})
    if "127.0.0.1" not in addresses:
        yield warning(f"localhost is {', '.join(addresses)}, and not 127.0.0.1", "/etc/hosts")
    if strange := [one for one in addresses if one not in ("127.0.0.1", "::1")]:
        yield Finding(f"localhost is {strange[0]}", "/etc/hosts")


@subject.check(
    "clock",
    "the clock of this machine, compared with the times of the site's folders",
    "with a clock that was set back, certificates are not valid yet, and munge and logins are refused",
    "systemctl status chronyd, or ntpd; chronyc makestep",
)
def clock(here: Context) -> Iterator[Finding]:
    folders = [path for path in (here.site.etc, here.site.run, here.site.log) if path.is_dir()]
    newest = max((path.stat().st_mtime for path in folders), default=0.0)
    ahead = newest - time.time()
    if ahead > 300:
        yield Finding(f"a folder of the site is {ahead / 60:.0f} minutes from the future", "clock")
