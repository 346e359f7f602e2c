"""Site -> logrotate's file for the logs of the web server. systemd's journal and supervisord see to
the others."""

from __future__ import annotations

from pathlib import Path

from ...base.templates import templates
from ...site import Site
from ..host.file import File
from ..host.platform import Platform
from .config import RELOAD, server


def log_rotation(site: Site, platform: Platform) -> dict[Path, File]:
    """Eight weeks. Afterwards the web server starts afresh without an interruption, with new logs
    and certificates.

    nginx's USR1 would not do: its workers open the logs by themselves, which are root's, and go on
    in the old ones.
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
