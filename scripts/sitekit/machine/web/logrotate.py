"""Generate the configuration file of logrotate for the logs of the web server.

The logs of other services do not need logrotate, because systemd's journal and supervisord limit
the size of these logs.
"""

from __future__ import annotations

from pathlib import Path

from ...base.templates import templates
from ...site import Site
from ..host.file_to_write import File
from ..host.platform import Platform
from .config import RELOAD, server


def log_rotation(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the configuration file of logrotate, with which logs are kept for eight weeks.

    After a rotation, the web server is reloaded gracefully. nginx's signal USR1 (open the logs
    again) cannot be used, because nginx's worker processes would then have to open the new logs,
    which only root can open.
    """
    kind = site.front.server
    pid = (
        site.run / kind / f"{kind}.pid"
        if site.front.instance == "own"
        else server(site, platform).pid
    )
    words = {"server": kind, "pid": pid, "signal": RELOAD[kind]}
    text = (
        templates("config/templates").get_template("logrotate.j2").render(site=site, **words) + "\n"
    )
    return {Path("/etc/logrotate.d") / f"sitekit-{site.name}": File(text)}
