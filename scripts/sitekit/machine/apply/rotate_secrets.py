"""Replace the secrets of hub and proxy (`sudo make rotate_secrets`).

Users' servers do not use these secrets, and keep running.
"""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import need_root
from ...site import Site
from ..checks.preconditions import require_preconditions
from ..host.file_to_write import File
from ..host.lock import hold_machine_lock
from ..host.platform import this_platform
from ..host.target import Target
from ..installed.read_and_restore_path import MACHINE, NOTHING, read_entry
from ..render.machine_secrets import renewed_files
from .commands import plan_apply
from .execute_plan import execute
from .kinds_of_changes import Write
from .restart_services import restart_services


def rotate_secrets(site: Site, *, root: Path = MACHINE) -> int:
    """Replace the secrets of the site, and restart the services that read these secrets.

    The secrets are the proxy's token, the hub's cookie secret, the certificates of internal TLS,
    and the secret of `login.method: front`. Users have to log in again. After the command, only
    older backups contain the old secrets. Raises Problem.
    """
    need_root("rotate_secrets")
    platform = this_platform(root)
    with hold_machine_lock(root):
        require_preconditions(site, root)
        if plan_apply(site, platform, root).changes:
            raise Problem(
                "the machine does not match the site file",
                remedy="make diff; sudo make apply; then run this command again",
            )
        found = plan_apply(site, platform, root, renewed_files(Target(site, root)))
        if found.offers:
            raise Problem(
                "the file was changed by hand and is not replaced",
                str(found.offers[0]),
                "remove it; sudo make apply",
            )
        cookie = site.paths.state / "cookie_secret"
        if (there := read_entry(root, cookie)) != NOTHING:
            # JupyterHub writes the cookie secret in this form (app.py, init_secrets): 32 bytes in
            # hexadecimal.
            fresh = File(f"{secrets.token_hex(32)}\n", 0o600, site.hub.user)
            found.actions.append(Write(cookie, fresh, there, secret=True))
        execute(found, site, root, partial(restart_services, found, site, platform, root))
    for kind, what in found.changes:
        say(f" ok {kind} {what}")
    say("    users have to log in again; their servers keep running")
    return 0
