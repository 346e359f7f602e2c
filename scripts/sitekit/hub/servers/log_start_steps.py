"""Write each step of a server's start to the hub's log, in one line that contains the start's id.

The line is `Start ID: STEP` and a JSON object. In the ledger, this id is called the tag. The tag is
also in the job's comment, in the gate's log lines and in the job's log. `make trace` searches for
the tag in all these logs and in the job's comment.
"""

from __future__ import annotations

import json
import logging

log = logging.getLogger("JupyterHub")


def log_start(tag: str, step: str, **figures: object) -> None:
    """Log one step: requested, submitted, listening, opened or failed."""
    if tag:
        log.info("Start %s: %s %s", tag, step, json.dumps(figures))  # JSON is one ASCII line
