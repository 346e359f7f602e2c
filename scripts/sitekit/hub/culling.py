"""Culling per tier: idle-culler runs as JupyterHub's service, and asks here whether a server's own
tier lets it go.

What counts as activity is the server's own to say (session/overrides/activity.py), and it says so
every few minutes.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

from ..contracts.internal_tls import as_installed, calling
from ..site import Site
from .servers.idle_limits import CULLER, lag

EVERY = 60  # seconds between rounds
PAGE = 200  # users in one answer: JupyterHub's own limit; idle-culler asks for page after page

SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]


def update_culling(c: Any, site: Site) -> None:
    """Register the culler with the four scopes that it needs, and no more; not at all if no tier
    has a limit."""
    if all(tier.idle is None for tier in site.tiers):
        return
    config = site.etc / "culler_config.py"
    # No unit of its own: it begins with each hub (see may_go), with a token that stands in no file,
    # and ends with it, also when the hub is killed. Unlike the hub it needs no sudo.
    mortal = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--no-new-privs"]
    command = [*mortal, sys.executable, "-I", "-m", "jupyterhub_idle_culler", f"--config={config}"]
    c.JupyterHub.services.append(
        {"name": CULLER, "command": command, "environment": {"PATH": "/usr/bin:/bin"}}
    )
    c.JupyterHub.load_roles.append({"name": CULLER, "scopes": SCOPES, "services": [CULLER]})


def configure_culler(c: Any, site: Site) -> None:
    """The culler's own configuration: how often, and the hook that knows the tiers."""
    limits = {tier.key: tier.idle for tier in site.tiers}
    began = time.monotonic()

    def may_go(*, inactive: timedelta, server: dict[str, Any], **_: Any) -> bool:
        """Whether a server has been idle for longer than its tier allows. A tier that is no more
        keeps its servers.

        The culler begins with the hub; while a hub was away, no server could tell it anything: they
        are heard first.
        """
        limit = limits.get((server.get("user_options") or {}).get("profile", ""))
        if limit is None or inactive is None or time.monotonic() - began < lag(limit):
            return False
        return inactive.total_seconds() >= limit + lag(limit)

    c.IdleCuller.cull_arbiter_hook = may_go
    c.IdleCuller.timeout = max((limit for limit in limits.values() if limit), default=3600)
    c.IdleCuller.cull_every = EVERY
    c.IdleCuller.api_page_size = PAGE


def show_certificate(c: Any, site: Site) -> None:
    """The culler has a certificate of its own. Its make_ssl_context would show the hub's, which can
    do more."""
    if as_installed(site).internal_tls:
        import jupyterhub_idle_culler

        c.IdleCuller.ssl_enabled = True
        jupyterhub_idle_culler.make_ssl_context = lambda *_: calling(site, "culler")
