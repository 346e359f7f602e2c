"""Moments on one clock, the seconds since boot, in which the kernel tells when a process began."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def uptime() -> float:
    """Now, in seconds since boot; a process's start is told to a hundredth of a second."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def first_process(user: str, job: int) -> tuple[float, dict[str, str]]:
    """When the first process of `user` in this Slurm job began, and with which environment.

    Raises ValueError when the job has none on this machine.
    """
    uid, mark = pwd.getpwnam(user).pw_uid, f"SLURM_JOB_ID={job}"
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and folder.stat().st_uid == uid:
                words = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                began = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[19]) / TICK
                if mark in words:
                    found.append((began, dict(word.split("=", 1) for word in words if "=" in word)))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return min(found, key=lambda one: one[0])
