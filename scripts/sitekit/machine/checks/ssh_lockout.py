"""Refuse groups whose members administer this machine: sshd would lock them out."""

from __future__ import annotations

import os
from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ..installed import unix_accounts

OF_ADMINISTRATORS = ("sudo", "wheel", "admin")
"""Groups that sudo knows on the usual distributions."""


def check_nobody_locked_out(site: Site, root: Path) -> None:
    """Refuse a group of `login.deny_ssh` with an administrator among its members.

    Administrators are root, the account that runs sudo now, the members of groups of sudo, and the
    members of login.admin_groups. Raises BadInput.
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
