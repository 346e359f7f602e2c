"""Culling per tier: idle-culler runs as JupyterHub's service, and asks here whether a server's own tier lets it go."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from ..site import Site

EVERY = 60  # seconds between rounds
PAGE = 200  # users in one answer: JupyterHub's own limit; idle-culler asks for page after page

SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]


def update_culling(c: Any, site: Site) -> None:
    """Register the culler with the four scopes that it needs, and no more; not at all if no tier has a limit."""
    if all(tier.idle is None for tier in site.tiers):
        return
    config = site.etc / "culler_config.py"
    # with the hub, also when the hub is killed: the next hub starts a culler of its own, with a token of its own
    mortal = ["/usr/bin/setpriv", "--pdeathsig", "TERM"]
    command = [*mortal, sys.executable, "-I", "-m", "jupyterhub_idle_culler", f"--config={config}"]
    c.JupyterHub.services.append({"name": "idle-culler", "command": command, "environment": {"PATH": "/usr/bin:/bin"}})
    c.JupyterHub.load_roles.append({"name": "idle-culler", "scopes": SCOPES, "services": ["idle-culler"]})


def configure_culler(c: Any, site: Site) -> None:
    """The culler's own configuration: how often, and the hook that knows the tiers."""
    limits = {tier.key: tier.idle for tier in site.tiers}

    def may_go(*, inactive: timedelta, server: dict[str, Any], **_: Any) -> bool:
        """Whether a server has been idle for longer than its tier allows. A tier that is no more keeps its servers."""
        limit = limits.get((server.get("user_options") or {}).get("profile", ""))
        return limit is not None and inactive is not None and inactive.total_seconds() >= limit

    c.IdleCuller.cull_arbiter_hook = may_go
    c.IdleCuller.timeout = max((limit for limit in limits.values() if limit), default=3600)
    c.IdleCuller.cull_every = EVERY
    c.IdleCuller.api_page_size = PAGE
