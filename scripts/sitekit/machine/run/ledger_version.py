"""Check, before the hub runs from an older release, that this release can read the ledger (the
record of users' servers)."""

from __future__ import annotations

import pwd
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import Argv, acting_as, run
from ...site import Site
from ..host import sqlite

_KNOWN = """
try:
    from sitekit.hub.ledger.ledger_schema import VERSION
except ModuleNotFoundError:  # in releases of sitekit 0.x, the module was in another folder
    from sitekit.hub.servers.ledger_schema import VERSION
print(VERSION)
"""


def refuse_newer_ledger(site: Site, release: Path) -> None:
    """Raise Problem if a release cannot read the present version of the ledger.

    A hub that cannot read the ledger cannot manage the running servers.
    """
    have, known = ledger_version(site), _version_that_is_known(site, release)
    if have > known:
        raise Problem(
            f"has version {have}, and the release {release.name} can read versions up to {known}",
            str(site.ledger),
            "choose a newer release (make releases); or stop all servers and the hub, and move the ledger away",
        )


def ledger_version(site: Site) -> int:
    """Return the schema version of the ledger; 0 if the ledger does not exist or has no version
    number."""
    if not site.ledger.exists():
        return 0
    hub = pwd.getpwnam(site.hub.user)
    with acting_as(hub.pw_uid, hub.pw_gid), sqlite.open_database(site.ledger) as ledger:
        return int(ledger.execute("PRAGMA user_version").fetchone()[0])


def _version_that_is_known(site: Site, release: Path) -> int:
    """Return the highest schema version of the ledger that a release can read."""
    argv: Argv = [release / "bin/python", "-I", "-c", _KNOWN]
    done = run(argv, user=site.hub.user, cwd=Path("/"), check=False)
    return int(done.stdout) if done.returncode == 0 else 0
