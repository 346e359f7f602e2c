"""Refuse a group in `login.deny_ssh` if an administrator of this machine is a member of the group.
With such a group in `login.deny_ssh`, the administrator could no longer log in by SSH.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ..installed import unix_accounts

OF_ADMINISTRATORS = ("sudo", "wheel", "admin")
"""Groups whose members are allowed to use sudo on common Linux distributions."""


def check_nobody_locked_out(site: Site, root: Path) -> None:
    """Raise BadInput if an administrator is a member of a group in `login.deny_ssh`.

    Administrators are root, the account that runs sudo now, the members of the groups
    OF_ADMINISTRATORS, and the members of login.admin_groups.
    """
    protected = {"root", os.environ.get("SUDO_USER", "root")}
    for group in (*OF_ADMINISTRATORS, *site.login.admin_groups):
        if unix_accounts.has_group(root, group):
            protected |= unix_accounts.members(root, group)
    for place, group in enumerate(site.login.deny_ssh):
        if not unix_accounts.has_group(root, group):
            continue
        if locked := sorted(protected & unix_accounts.members(root, group)):
            what = f"{', '.join(locked[:3])} could not log in to this machine by SSH any more, as a member of {group}"
            remedy = "name a group that only participants are members of"
            raise BadInput(what, f"login.deny_ssh[{place}]", remedy)
