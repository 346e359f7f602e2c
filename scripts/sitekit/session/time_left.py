"""What a lab should know of its server: when it is stopped, and how often its memory was used up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# seconds before an idle server is stopped; a third of a limit that is shorter than half an hour
IDLE_WARNING = 600
TIME_WARNINGS = (900, 300)  # seconds before the job's time is over


def notice(
    now: float, active: float, environment: Mapping[str, str], killed: int | None = None
) -> dict[str, Any]:
    """The seconds until the server is stopped as idle, and until its job ends; None for never, or
    where nobody says. How many programs were `killed` since its memory was used up, and how much
    memory it has, in bytes.

    `now` and `active`, the last activity, are seconds since the epoch. The environment is that of
    the server.
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
