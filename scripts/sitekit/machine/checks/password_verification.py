"""Check that the hub can verify users' passwords by the method that site.yml names in
`login.passwords`.

Without this check, `make apply` could succeed although nobody can log in afterwards.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ..host.platform import Platform
from ..installed import unix_accounts
from ..installed.manifest import FileRecord, load_manifest
from ..installed.read_and_restore_path import read_entry

MODULES = {"sssd": "pam_sss.so", "shadow": "pam_unix.so"}
NAMES_SHOWN = 3  # the most names in one message
SSSD_TIMEOUT = 5.0  # seconds until sssd must accept a connection


def check_module(site: Site, platform: Platform, root: Path) -> None:
    """Refuse `login.passwords: sssd` if the PAM module of sssd is not installed."""
    module = MODULES["sssd"]
    if site.login.method != "pam":
        return
    if site.login.passwords != "sssd" or not _asks(site, root, module):
        return
    if not any(root.glob(f"{platform.pam.modules.relative_to('/')}/{module}")):
        what = f"there is no {module} in {platform.pam.modules}: nobody could log in"
        raise BadInput(
            what,
            "login.passwords",
            "install it (Debian: libpam-sss, EL: sssd-client), and set sssd up",
        )


def who_stays_out(site: Site, platform: Platform, root: Path) -> Iterator[str]:
    """Yield messages about members of `login.allowed_groups` who cannot log in: members without a
    password hash, or all members if sssd does not answer.

    Only root can read the password hashes. For other users, the check for missing hashes is
    skipped.
    """
    if site.login.method != "pam":
        return
    yield from _administrators(site, root)
    if not _asks(site, root, MODULES[site.login.passwords]):
        return
    if site.login.passwords == "sssd":
        pipe = platform.pam.sssd_pipe
        if not _answers(root / pipe.relative_to("/")):
            yield f"sssd does not answer at {pipe}; until it does, nobody can log in: systemctl status sssd"
        return
    with suppress(PermissionError):
        people = {
            name
            for group in site.login.allowed_groups
            for name in unix_accounts.members(root, group)
        }
        if out := sorted(people - unix_accounts.with_password(root)):
            names = ", ".join(out[:NAMES_SHOWN]) + (", ..." if len(out) > NAMES_SHOWN else "")
            yield f"{len(out)} of {len(people)} who may log in have no password in /etc/shadow, and cannot ({names});"
            yield "    if they come from a directory, let sssd check them: `passwords: sssd` under login"


def _administrators(site: Site, root: Path) -> Iterator[str]:
    """Yield messages about members of login.admin_groups who are not allowed to log in.

    An administrator of the hub must also be a member of a group in `login.allowed_groups`.
    """
    admins = {
        name for group in site.login.admin_groups for name in unix_accounts.members(root, group)
    }
    people = {
        name for group in site.login.allowed_groups for name in unix_accounts.members(root, group)
    }
    if out := sorted(admins - people):
        names = ", ".join(out[:NAMES_SHOWN]) + (", ..." if len(out) > NAMES_SHOWN else "")
        yield f"{len(out)} of {len(admins)} members of login.admin_groups are in none of login.allowed_groups ({names})"
        yield "    and cannot log in: add them to such a group, or name their group in allowed_groups as well"


def _asks(site: Site, root: Path, module: str) -> bool:
    """Return whether the site's PAM service will use the PAM module `module` after `make apply`.

    `make apply` does not replace a PAM service that an administrator has changed, and this PAM
    service may use another module.
    """
    path = Path("/etc/pam.d", f"sitekit-{site.name}")
    there, record = (
        read_entry(root, path),
        load_manifest(site, root).files.get(str(path), FileRecord()),
    )
    return record.owns(there) or module.encode() in (there.content or b"")


def _answers(pipe: Path) -> bool:
    """Return whether sssd accepts a connection at its Unix socket `pipe`."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(SSSD_TIMEOUT)
        return caller.connect_ex(str(pipe)) == 0
