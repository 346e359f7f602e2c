"""Site -> logrotate's file for the logs of the web server. systemd's journal and supervisord see to the others."""

from __future__ import annotations

from pathlib import Path

from ..site import Site
from .file import File
from .platform import Platform

# nginx's workers would have to open the new file by its name, and the folder is closed to them.
_NGINX = "    copytruncate"
_APACHE = """\
    create 0640 root root
    sharedscripts
    postrotate
        ! test -s {pid} || kill -USR1 "$(cat {pid})"
    endscript"""


def log_rotation(site: Site, platform: Platform) -> dict[Path, File]:
    """Eight weeks. Afterwards Apache opens its logs anew, without an interruption, and takes its certificates anew."""
    kind = site.front.server
    pid = site.run / "apache/apache.pid" if site.front.instance == "own" else platform.apache.pid
    text = f"""\
# Written by sitekit for the site {site.name}.
{site.log}/{kind}-*.log {{
    weekly
    rotate 8
    compress
    delaycompress
    missingok
    notifempty
{_NGINX if kind == "nginx" else _APACHE.format(pid=pid)}
}}
"""
    return {Path("/etc/logrotate.d") / f"sitekit-{site.name}": File(text)}
