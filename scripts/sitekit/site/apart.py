"""Check that tiers, ports, accounts and folders of a site are apart from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.errors import Unfit

if TYPE_CHECKING:
    from .model import Site


def tiers_apart(site: Site) -> Iterator[Unfit]:
    """Yield an error if two tiers have the same key."""
    keys = [tier.key for tier in site.tiers]
    for place, key in enumerate(keys):
        if (first := keys.index(key)) != place:
            what = f"tiers[{first}] has the key '{key}' already"
            yield Unfit(what, "give each tier a key of its own", "tiers", place, "key")


def ports_apart(site: Site) -> Iterator[Unfit]:
    """Yield an error for services with the same port."""
    owners: dict[int, tuple[str, ...]] = {}
    for key, port in site.ports.items():
        if (owner := owners.setdefault(port, key)) != key:
            what = f"port {port} is that of {'.'.join(owner)} already"
            yield Unfit(what, "give each service a port of its own", *key)


def accounts_apart(site: Site) -> Iterator[Unfit]:
    """Yield an error if hub and proxy have the same account."""
    if site.hub.user == site.proxy.user:
        what = (
            f"'{site.proxy.user}' is the account of the hub, which may use sudo; the proxy must not"
        )
        yield Unfit(
            what, "give the proxy an account of its own, such as jupyterhub-proxy", "proxy", "user"
        )


def paths_apart(site: Site) -> Iterator[Unfit]:
    """Yield an error if the prefix contains the state or the backups."""
    prefix, state = site.paths.prefix, site.paths.state
    if state.is_relative_to(prefix) or prefix.is_relative_to(state):
        yield Unfit(
            f"{state} holds secrets, and lies inside the prefix {prefix}, which everybody may read, or around it",
            "put the state on the hub's own disk, such as /var/lib/sitekit",
            *("paths", "state"),
        )
    if site.backup.folder.is_relative_to(prefix):
        yield Unfit(
            f"backups hold secrets, and {site.backup.folder} lies inside {prefix}, which everybody may read",
            "put them on the hub's own disk, such as /var/backups/sitekit",
            *("backup", "folder"),
        )
