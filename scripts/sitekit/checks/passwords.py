"""Whether passwords can be checked in the way that the site names: an apply that lets nobody in has not worked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from ..host.platform import Platform
from ..site import Site
from ..standing import accounts

MODULE = "pam_sss.so"
SHOWN = 3  # names
PATIENCE = 5.0  # seconds


def check_module(site: Site, platform: Platform, root: Path) -> None:
    """Raises BadInput for sssd without its module, unless the service file was changed by hand to ask another."""
    service = root / "etc/pam.d" / f"sitekit-{site.name}"
    if site.login.passwords != "sssd" or (service.is_file() and MODULE not in service.read_text()):
        return
    if not any(root.glob(f"{platform.pam.modules.relative_to('/')}/{MODULE}")):
        what = f"there is no {MODULE} in {platform.pam.modules}: nobody could log in"
        raise BadInput(what, "login.passwords", "install it (Debian: libpam-sss, EL: sssd-client), and set sssd up")


def who_stays_out(site: Site, platform: Platform, root: Path) -> Iterator[str]:
    """A line for the administrator about those whose password cannot be checked. Of hashes root alone knows."""
    if site.login.passwords == "sssd":
        pipe = platform.pam.sssd_pipe
        if not _answers(root / pipe.relative_to("/")):
            yield f"sssd does not answer at {pipe}; until it does, nobody can log in: systemctl status sssd"
        return
    with suppress(PermissionError):
        people = {name for group in site.login.allowed_groups for name in accounts.members(root, group)}
        if out := sorted(people - accounts.with_password(root)):
            names = ", ".join(out[:SHOWN]) + (", ..." if len(out) > SHOWN else "")
            yield f"{len(out)} of {len(people)} who may log in have no password in /etc/shadow, and cannot ({names});"
            yield "    if they come from a directory, let sssd check them: `passwords: sssd` under login"


def _answers(pipe: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PATIENCE)
        return caller.connect_ex(str(pipe)) == 0
