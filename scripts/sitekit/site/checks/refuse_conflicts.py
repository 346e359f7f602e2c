"""Refuse a site in which two tiers have the same key, two services have the same port, or hub and
proxy have the same account. Refuse also a site in which everybody can read a folder with secrets,
or in which users would share one copy of the release.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...base.errors import Unfit
from ..settings import SiteSettings


def tiers_apart(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error if two tiers have the same key."""
    keys = [tier.key for tier in site.tiers]
    for place, key in enumerate(keys):
        if (first := keys.index(key)) != place:
            what = f"tiers[{first}] already has the key '{key}'"
            yield Unfit(what, "give each tier a key of its own", "tiers", place, "key")


def ports_apart(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error if two services have the same port."""
    owners: dict[int, tuple[str, ...]] = {}
    for key, port in site.ports.items():
        if (owner := owners.setdefault(port, key)) != key:
            what = f"port {port} is already the port of {'.'.join(owner)}"
            yield Unfit(what, "give each service a port of its own", *key)


def accounts_apart(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error if the hub and the proxy run under the same account."""
    if site.hub.user == site.proxy.user:
        what = (
            f"'{site.proxy.user}' is the account of the hub, which may use sudo; the proxy must not"
        )
        yield Unfit(
            what, "give the proxy an account of its own, such as jupyterhub-proxy", "proxy", "user"
        )


def paths_apart(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error if the state folder is inside the prefix or contains the prefix. Yield an
    error also if the backup folder is inside the prefix.
    """
    prefix, state = site.paths.prefix, site.paths.state
    if state.is_relative_to(prefix) or prefix.is_relative_to(state):
        yield Unfit(
            f"{state} holds secrets, and is inside the prefix {prefix}, which everybody may read, or contains it",
            "put the state on the hub's own disk, such as /var/lib/sitekit",
            *("paths", "state"),
        )
    if site.backup.folder.is_relative_to(prefix):
        yield Unfit(
            f"backups hold secrets, and {site.backup.folder} is inside {prefix}, which everybody may read",
            "put them on the hub's own disk, such as /var/backups/sitekit",
            *("backup", "folder"),
        )


def start_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error if several users would share one copy of the release, which each of these
    users could change."""
    if site.server.start == "cache" and site.login.gateway:
        what = f"all users share the account {site.login.gateway}, and could change the copy"
        yield Unfit(what, "write image or direct", "server", "start")
