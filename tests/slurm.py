"""Questions to the demo's Slurm, asked as root with the ordinary programs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from sitekit.site import Site


def ask(site: Site, *words: str, user: str | None = None) -> str:
    """Run one of Slurm's programs; its output. With `user`, as that account."""
    argv = (
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *words]
        if user
        else list(words)
    )
    environment = {**os.environ, "SLURM_CONF": str(site.slurm.conf), "SLURM_TIME_FORMAT": "%s"}
    return subprocess.run(
        argv, env=environment, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def jobs(site: Site, user: str) -> list[str]:
    """`id partition state node` of each live job of a user."""
    listed = ask(site, "squeue", "--noheader", f"--user={user}", "--format=%i %P %T %B")
    return [line for line in listed.splitlines() if "COMPLETING" not in line]


def until(what: Callable[[], object], patience: float = 60, every: float = 0.3) -> object:
    """Wait until `what()` is true; return it. Fails after `patience` seconds, which is a bound, not
    a measure."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, f"did not happen within {patience:g} s"
        time.sleep(every)
    return found
