"""Run jupyterhub-idle-culler as a service of JupyterHub, with the idle limit of each tier.

The server itself decides what counts as activity (session/overrides/activity.py), and reports its
last activity every few minutes.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

from ..site import Site
from .ledger.course_servers_and_messages import idle_limit_of_course
from .overrides.culler_connection import log_unreachable_hub, use_own_certificate
from .servers.activity_interval_and_stop_delay import CULLER, stop_delay
from .servers.offered_courses import OfferedCourses

EVERY = 60  # seconds between two checks of all servers
PAGE = 200  # users in one response, JupyterHub's own limit; idle-culler requests all pages

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1"}
LONGEST_IDLE = 2**31 - 1  # seconds
"""If its configuration file has an error, the culler ends (traitlets, config/application.py,
raise_config_file_errors). If the file is missing, the culler runs with its own defaults: it would
stop each server that was idle for ten minutes. LONGEST_IDLE on its command line prevents this.
"""

SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]


def update_culling(c: Any, site: Site) -> None:
    """Register the culler (the program that stops idle servers) as a JupyterHub service, with only
    the four scopes that it needs. If no tier has an idle limit, no culler is registered.
    """
    if all(tier.idle is None for tier in site.tiers):
        return
    config = site.etc / "culler_config.py"
    # The culler has no systemd unit of its own. The hub starts the culler, with a token that is in
    # no file. The culler ends with the hub, even if the hub is killed. The culler needs no sudo.
    setpriv = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--no-new-privs"]
    command = [*setpriv, sys.executable, "-I", "-m", "jupyterhub_idle_culler"]
    command += [f"--config={config}", f"--timeout={LONGEST_IDLE}"]
    c.JupyterHub.services.append({"name": CULLER, "command": command, "environment": ENVIRONMENT})
    c.JupyterHub.load_roles.append({"name": CULLER, "scopes": SCOPES, "services": [CULLER]})


def configure_culler(c: Any, site: Site) -> None:
    """Set the culler's configuration: the interval, and a hook that checks a server's tier."""
    limits = {tier.key: tier.idle for tier in site.tiers}
    courses = OfferedCourses(site)
    began = time.monotonic()

    def may_go(*, inactive: timedelta, server: dict[str, Any], **_: Any) -> bool:
        """Return True if a server has been idle for longer than its tier allows. The culler then
        stops the server. Servers of a tier that no longer exists are not stopped. Servers of a
        removed course keep the idle limit with which they were started. While the hub was down,
        servers could not report their activity. The culler, which starts together with the hub,
        therefore first waits for the servers' reports."""
        key = (server.get("user_options") or {}).get("profile", "")
        course = courses.course(key)
        limit = course.tier.idle if course else limits.get(key)
        if key and course is None and key not in limits:
            limit = idle_limit_of_course(site.ledger, key)
        if limit is None or inactive is None or time.monotonic() - began < stop_delay(limit):
            return False
        return inactive.total_seconds() >= limit + stop_delay(limit)

    c.IdleCuller.cull_arbiter_hook = may_go
    c.IdleCuller.cull_every = EVERY
    c.IdleCuller.api_page_size = PAGE


def show_certificate(c: Any, site: Site) -> None:
    """Make the culler use its own certificate, and log in one line if the hub does not answer.

    The file culler_config.py in /etc calls this function. After a rollback, the same file calls the
    function of this name in the older release.
    """
    use_own_certificate(c, site)
    log_unreachable_hub()
