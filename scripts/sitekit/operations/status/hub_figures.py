"""Read figures about the hub's list of jobs, such as the age of the list, from the metrics of the
running hub."""

from __future__ import annotations

import re

from ...base.errors import Problem
from ...contracts.metrics_token import prometheus_token, read_token
from ...machine.supervisors.check_services_answer import get, listens_as
from ...site import Site

_SAMPLE = re.compile(r'^(sitekit_[a-z_]+)(?:\{backend="([a-z]+)"\})? ([-+.e\d]+)$', re.MULTILINE)
_NAMES = {
    "sitekit_snapshot_age_seconds": "snapshot_age",
    "sitekit_backend_answer_seconds": "answer_seconds",
    "sitekit_orphans": "orphans",
    "sitekit_stray_jobs": "strays",
}


def hub_figures(site: Site) -> dict[str, dict[str, float]]:
    """Return figures for each backend: backend -> name -> value. The figures are the age of the
    hub's list of jobs in seconds, the backend's answer time in seconds, and the numbers of orphans
    and stray jobs. Orphans are starts that have not ended, and that JupyterHub does not manage.
    Stray jobs have the site's tag, but no start in the ledger.

    Raises Problem if the hub does not answer, and OSError if this user may not read the token.
    """
    token = read_token(prometheus_token(site))
    if not token:
        raise Problem("there is no token for the hub's metrics", remedy="sudo make apply")
    if not listens_as(site.hub.port, site.hub.user, site.hub_listens_at):
        # another program must not get the token
        raise Problem(f"no program of {site.hub.user} listens at port {site.hub.port}")
    headers = {"Authorization": f"Bearer {token}"}
    code, text = get(site, site.hub_listens_at, site.hub.port, "/hub/metrics", headers)
    if code != 200:
        raise Problem("the hub does not answer" if code == 0 else f"the hub answers {code}")
    found: dict[str, dict[str, float]] = {}
    for name, backend, value in _SAMPLE.findall(text):
        if name in _NAMES and backend:
            found.setdefault(backend, {})[_NAMES[name]] = float(value)
    return found
