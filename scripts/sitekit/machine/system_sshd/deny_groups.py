"""Generate the configuration file with which this machine's sshd refuses members of groups, and
check that sshd includes the file."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ..host.file_to_write import File
from ..host.target import Target

PROGRAM = Path("/usr/sbin/sshd")
CONFIG = Path("/etc/ssh/sshd_config")
FOLDER = Path("/etc/ssh/sshd_config.d")
INCLUDE = f"Include {FOLDER}/*.conf"


def denied_path(site: Site) -> Path:
    """Return the path of the site's configuration file for this machine's sshd."""
    return FOLDER / f"50-sitekit-{site.name}.conf"


def denied(site: Site) -> dict[Path, File]:
    """Return the site's configuration file for this machine's sshd; {} if `login.deny_ssh` is
    empty."""
    if not site.login.deny_ssh:
        return {}
    head = (
        f"# Members of these groups use {site.front.url} only. Written by sitekit (login.deny_ssh)."
    )
    groups = (f"DenyGroups {group}" for group in site.login.deny_ssh)
    return {denied_path(site): File("\n".join([head, *groups, ""]))}


def check_included(target: Target) -> None:
    """Raise BadInput if the configuration of this machine's sshd does not include the site's file.

    If sshd is not installed, nothing is checked.
    """
    site, config = target.site, target.on_disk(CONFIG)
    if not site.login.deny_ssh or not config.exists():
        return
    patterns = list(_included(config.read_text(errors="replace")))
    if not any(fnmatchcase(str(denied_path(site)), pattern) for pattern in patterns):
        what = f"sshd does not read {FOLDER}, and members of {site.login.deny_ssh[0]} could log in by SSH"
        raise BadInput(what, "login.deny_ssh", f"add this as the first line of {CONFIG}: {INCLUDE}")


def _included(text: str) -> Iterator[str]:
    """Yield the file patterns of the Include lines that apply to all connections, which are the
    lines before the first Match."""
    for line in text.splitlines():
        words = line.replace("=", " ", 1).split()
        if words and words[0].lower() == "match":
            return
        if words and words[0].lower() == "include":
            for word in words[1:]:
                yield str(CONFIG.parent / word.strip('"'))
