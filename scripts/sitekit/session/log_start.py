"""Print each step of the server's start to the job's log, with the time and the start's id.

The hub makes the id, and the gate puts the id into the job's environment. `make trace` reads these
lines of the log.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone

_start_id = ""


def take_start_id() -> None:
    """Remove the start's id from the environment, and store the id in this module. Otherwise,
    kernels and terminals would inherit the id.

    If the server runs in a container image, this function is called inside the container.
    """
    global _start_id
    _start_id = os.environ.pop("SITEKIT_START", "")


def log_start(step: str) -> None:
    """Print one step of the server's start. If the job has no start id, because the gate is older,
    print nothing."""
    if _start_id:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        print(f"sitekit: {now} start {_start_id}: {step}", flush=True)
