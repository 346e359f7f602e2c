"""Derive settings from a tier's idle limit.

The settings are the interval at which a server reports its activity to the hub, and the delay
between the end of the idle limit and the stop of the server.
"""

from __future__ import annotations

from ...backends.resource_choice import Choice
from ...site.sections.tier import Tier

CULLER = "idle-culler"
"""The name of the culler's service. JupyterHub reports this name if the culler has stopped a
server."""


def activity_interval(limit: int) -> int:
    """Return the interval at which a server with this idle limit reports its activity.

    The limit and the interval are in seconds.
    """
    return max(10, min(300, limit // 12))


def stop_delay(limit: int) -> float:
    """Return the longest delay in seconds between an activity in a server and the server's report
    to the hub.

    JupyterHub's server adds up to a tenth to the interval. The culler adds the returned time to the
    idle limit. Without this addition to the idle limit, the culler could stop a server whose user
    has just become active again.
    """
    return activity_interval(limit) * 1.1 + 10


def session_environment(tier: Tier, choice: Choice) -> dict[str, str]:
    """Return the tier's settings that a user's server needs, as environment variables that the gate
    accepts."""
    settings = {"BUSY": tier.busy, "IDLE": str(tier.idle or "never"), "TIME": str(choice.time)}
    environment = {f"JUPYTERHUB_SITEKIT_{key}": value for key, value in settings.items()}
    if tier.idle:
        environment["JUPYTERHUB_ACTIVITY_INTERVAL"] = str(activity_interval(tier.idle))
    return environment
