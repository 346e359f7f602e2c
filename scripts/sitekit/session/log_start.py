"""Print each step of the server's start to the job's log, with the time and the start's id.

The gate puts the id, which the hub has made, into the job's environment. `make trace` reads the
lines.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone


def log_start(step: str) -> None:
    """Print one step. Nothing is printed if the gate, of an older sitekit, has given no id."""
    if tag := os.environ.get("SITEKIT_START", ""):
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        print(f"sitekit: {now} start {tag}: {step}", flush=True)
