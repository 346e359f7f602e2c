"""What a tier's idle limit means to its servers: how often they tell of their activity, and who may
stop them."""

from __future__ import annotations

from ...backends.choice import Choice
from ...site.tier import Tier

CULLER = "idle-culler"
"""The service's name, by which JupyterHub says who stopped a server."""


def told_every(limit: int) -> int:
    """How often a server tells the hub of its activity, where it may be idle for `limit`; both in
    seconds."""
    return max(10, min(300, limit // 12))


def lag(limit: int) -> float:
    """How old the hub's knowledge of a server can be, in seconds: JupyterHub's server adds up to a
    tenth to the interval. So much longer is waited, lest a server be stopped whose user has just
    come back."""
    return told_every(limit) * 1.1 + 10


def session_environment(tier: Tier, choice: Choice) -> dict[str, str]:
    """What a server needs to know of its tier, as variables that the gate lets through."""
    told = {"BUSY": tier.busy, "IDLE": str(tier.idle or "never"), "TIME": str(choice.time)}
    every = {"JUPYTERHUB_ACTIVITY_INTERVAL": str(told_every(tier.idle))} if tier.idle else {}
    return {f"JUPYTERHUB_SITEKIT_{key}": value for key, value in told.items()} | every
