"""Compute when a server will be stopped, and when to warn its user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The user is warned this many seconds before an idle server is stopped. If the idle limit is
# shorter than half an hour, the user is warned when a third of the limit remains.
IDLE_WARNING = 600
TIME_WARNINGS = (900, 300)  # seconds before the job's time is over


def notice(
    now: float, active: float, environment: Mapping[str, str], killed: int | None = None
) -> dict[str, Any]:
    """Return the seconds until the idle limit stops the server, and the seconds until the server's
    job ends.

    A number of seconds is None if the server has no such limit, or if the end of the job is not
    known. The result also contains the number of programs that were `killed` for lack of memory,
    and the server's memory in bytes. `now` and `active`, the time of the last activity, are in
    seconds since the epoch. `environment` is the environment of the server.
    """
    limit = environment.get("JUPYTERHUB_SITEKIT_IDLE", "never")
    end = environment.get("JUPYTERHUB_SITEKIT_END", "")
    return {
        "idle": max(0, round(active + int(limit) - now)) if limit.isdigit() else None,
        "idle_warning": min(IDLE_WARNING, int(limit) // 3) if limit.isdigit() else None,
        "time": max(0, round(int(end) - now)) if end.isdigit() else None,
        "time_warnings": list(TIME_WARNINGS),
        "killed": killed,
        "memory": int(memory) if (memory := environment.get("MEM_LIMIT", "")).isdigit() else None,
    }
