"""Query the demo's Slurm with Slurm's programs, as root."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sitekit.site import Site

QUERIES = ("sacct", "sinfo", "squeue")
"""Slurm's programs that change nothing."""
BUSY = "Socket timed out on send/recv operation"
"""What they print if slurmctld or slurmdbd has not answered within ten seconds (MessageTimeout)."""


def ask(site: Site, *words: str, user: str | None = None) -> str:
    """Run one of Slurm's programs, as root or as `user`; return its output.

    A query that a busy machine's Slurm does not answer is sent again for two minutes.
    """
    argv = (
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *words]
        if user
        else list(words)
    )
    environment = {**os.environ, "SLURM_CONF": str(site.slurm.conf), "SLURM_TIME_FORMAT": "%s"}
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300)
        if words[0] not in QUERIES or BUSY not in done.stderr or time.monotonic() > deadline:
            done.check_returncode()
            return done.stdout.strip()


def jobs(site: Site, user: str) -> list[str]:
    """Return `id partition state node` for each job of a user that has not ended."""
    listed = ask(site, "squeue", "--noheader", f"--user={user}", "--format=%i %P %T %B")
    return [line for line in listed.splitlines() if "COMPLETING" not in line]


def until(what: Callable[[], object], patience: float = 120, every: float = 0.3) -> object:
    """Wait until `what()` is true, and return its value. Fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, f"did not happen within {patience:g} s"
        time.sleep(every)
    return found


@contextmanager
def partition_down(site: Site, name: str) -> Iterator[None]:
    """While the block runs, jobs of the partition wait: it accepts them, and starts none."""
    ask(site, "scontrol", "update", f"PartitionName={name}", "State=DOWN")
    try:
        yield
    finally:
        ask(site, "scontrol", "update", f"PartitionName={name}", "State=UP")
