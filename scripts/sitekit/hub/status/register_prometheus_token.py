"""Give Prometheus a token of JupyterHub that can read the metrics, and nothing else.

`make apply` makes the token, and `make rotate_secrets` replaces it. The token is in two files: one
file for Prometheus, and one file that only the hub can read.
"""

from __future__ import annotations

import logging
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ...contracts.metrics_token import hub_token, read_token
from ...site import Site

log = logging.getLogger(__name__)

SERVICE = "sitekit-metrics"
SCOPES = ["read:metrics"]


def update_token(c: Any, site: Site) -> None:
    """Register a service of JupyterHub that has the token of Prometheus, with only the scope
    `read:metrics`.

    If the token file does not exist yet, no service is registered; the next `make apply` writes the
    file.
    """
    if token := read_token(hub_token(site)):
        c.JupyterHub.services.append({"name": SERVICE, "api_token": token})
        c.JupyterHub.load_roles.append({"name": SERVICE, "scopes": SCOPES, "services": [SERVICE]})


async def forget_old_tokens(site: Site) -> None:
    """Delete the service's earlier tokens, which JupyterHub keeps (app.py, _add_tokens)."""
    session: Any = JupyterHub.instance().db
    service = orm.Service.find(session, SERVICE)
    token = read_token(hub_token(site))
    for old in list(service.api_tokens) if service else ():
        if not token or not old.match(token):
            session.delete(old)
            log.info("An earlier token of %s was deleted", SERVICE)
    session.commit()
