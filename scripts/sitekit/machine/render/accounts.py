"""List the accounts of the services, and the groups of which these accounts must be members.

The functions of this file neither read nor change the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...site import Site
from ..host.platform import Platform


@dataclass(frozen=True)
class Account:
    """Describe a system account for a service, with its own group and without a password."""

    name: str
    home: Path
    shell: Path
    why: str


@dataclass(frozen=True)
class Membership:
    """Describe one required membership of the account `user`: in the group `group`, or in the
    primary group of the account `group_of`.
    """

    user: str
    why: str
    group: str = ""
    group_of: str = ""


def accounts(site: Site, platform: Platform) -> list[Account]:
    """Return the accounts under which the site's services run. If an account exists already,
    sitekit does not change it."""
    nowhere, nologin = Path("/nonexistent"), platform.nologin
    found = [
        Account(site.proxy.user, nowhere, nologin, "runs the proxy"),
        Account(site.hub.user, site.paths.state, nologin, "runs the hub"),
    ]
    if site.tunnel:
        found.append(Account(site.tunnel.user, nowhere, nologin, "runs the sshd for tunnels"))
    return found


def memberships(site: Site, platform: Platform) -> list[Membership]:
    """Return the group memberships that the hub's account needs."""
    found = [Membership(site.hub.user, "to read proxy.env", group_of=site.proxy.user)]
    shadow = site.login.method == "pam" and site.login.passwords == "shadow"
    if shadow and platform.shadow_group:
        why = "so that the hub can check users' passwords with pam_unix"
        found.append(Membership(site.hub.user, why, group=platform.shadow_group))
    return found
