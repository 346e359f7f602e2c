"""Define the REST handler for the status of the backends, such as Slurm."""

from __future__ import annotations

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope

from ..servers.shared_objects import HubState


class StatusHandler(APIHandler):
    """Handle GET /hub/api/sitekit/status: return the state of each backend (such as Slurm) and of
    the reconciler (hub/spawner/reconcile.py).

    The caller must be an administrator.
    """

    hub_state: HubState

    @needs_scope("admin:servers")
    async def get(self) -> None:
        self.write(self.hub_state.summary())
