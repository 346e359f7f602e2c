"""Compute the notices for JupyterLab: the time that is left, and the number of OOM kills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Seconds before an idle server is stopped. If the idle limit is shorter than half an hour, a third
# of the limit is used.
IDLE_WARNING = 600
TIME_WARNINGS = (900, 300)  # seconds before the job's time is over


def notice(
    now: float, active: float, environment: Mapping[str, str], killed: int | None = None
) -> dict[str, Any]:
    """Return the data from which JupyterLab shows its notices.

    `idle` and `time` are the seconds until the server is stopped as idle and until its job ends, or
    None if that is unknown or never happens. `killed` is the number of programs that were ended
    because the server's memory was used up. `memory` is the server's memory in bytes. The arguments
    `now` and `active`, the last activity, are seconds since the epoch. `environment` is the
    server's environment.
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
