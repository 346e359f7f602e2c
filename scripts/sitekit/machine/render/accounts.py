"""Site -> accounts and memberships: who runs the services, and what they have to be members of.
Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...site import Site
from ..host.platform import Platform


@dataclass(frozen=True)
class Account:
    """A system account with a group of its own, without a password."""

    name: str
    home: Path
    shell: Path
    why: str


@dataclass(frozen=True)
class Membership:
    """`user` in `group`, or in the own group of the account `group_of`."""

    user: str
    why: str
    group: str = ""
    group_of: str = ""


def accounts(site: Site, platform: Platform) -> list[Account]:
    """Of the services. One that is there already serves as it is."""
    return [
        Account(site.proxy.user, Path("/nonexistent"), platform.nologin, "runs the proxy"),
        Account(site.hub.user, site.paths.state, platform.nologin, "runs the hub"),
    ]


def memberships(site: Site, platform: Platform) -> list[Membership]:
    """Without which the hub cannot do its work."""
    found = [Membership(site.hub.user, "to read proxy.env", group_of=site.proxy.user)]
    if site.login.passwords == "shadow" and platform.shadow_group:
        why = "so that PAM's pam_unix can check other people's passwords for it"
        found.append(Membership(site.hub.user, why, group=platform.shadow_group))
    return found
