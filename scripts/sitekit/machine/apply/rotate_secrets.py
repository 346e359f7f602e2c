"""`sudo make rotate_secrets`: new secrets for hub and proxy. Servers are jobs, and know neither:
they go on."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path

from ...base.command import need_root
from ...base.errors import Problem
from ...base.progress import say
from ...site import Site
from ..checks.preconditions import fit
from ..host.file import File
from ..host.lock import alone
from ..host.platform import this_platform
from ..host.target import Target
from ..installed.entries import MACHINE, NOTHING, look
from ..render.machine_secrets import renewed
from .actions import Write
from .commands import planned
from .execute import execute
from .restart_services import settle


def rotate_secrets(site: Site, *, root: Path = MACHINE) -> int:
    """The token between hub and proxy, and the secret that signs the hub's cookies: users log in
    again. Raises Problem.

    Both services restart. The old secrets are on this machine nowhere any more, but in the backups
    that were made.
    """
    need_root("rotate_secrets")
    platform = this_platform(root)
    with alone(root):
        fit(site, root)
        if planned(site, platform, root).changes:
            raise Problem(
                "the machine is not what the site says",
                remedy="make diff; sudo make apply; then this again",
            )
        found = planned(site, platform, root, renewed(Target(site, root)))
        if found.offers:
            raise Problem(
                "changed by hand, and not replaced",
                str(found.offers[0]),
                "remove it; sudo make apply",
            )
        cookie = site.paths.state / "cookie_secret"
        if (there := look(root, cookie)) != NOTHING:
            # As JupyterHub writes it (app.py, init_secrets): 32 bytes in hexadecimal.
            fresh = File(f"{secrets.token_hex(32)}\n", 0o600, site.hub.user)
            found.actions.append(Write(cookie, fresh, there, secret=True))
        execute(found, site, root, partial(settle, found, site, platform, root))
    for kind, what in found.changes:
        say(f" ok {kind} {what}")
    say("    users log in again; their servers go on")
    return 0
