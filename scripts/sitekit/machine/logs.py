"""Site -> logrotate's file for the logs that Apache writes. systemd's journal and supervisord see to the others."""

from __future__ import annotations

from pathlib import Path

from ..site import Site
from .file import File
from .platform import Platform


def log_rotation(site: Site, platform: Platform) -> dict[Path, File]:
    """Eight weeks. Afterwards Apache opens its logs anew, without an interruption."""
    pid = site.run / "apache" / "apache.pid" if site.front.instance == "own" else platform.apache.pid
    text = f"""\
# Written by sitekit for the site {site.name}.
{site.log}/apache-*.log {{
    weekly
    rotate 8
    compress
    delaycompress
    missingok
    notifempty
    create 0640 root root
    sharedscripts
    postrotate
        ! test -s {pid} || kill -USR1 "$(cat {pid})"
    endscript
}}
"""
    return {Path("/etc/logrotate.d") / f"sitekit-{site.name}": File(text)}
