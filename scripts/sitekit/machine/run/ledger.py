"""The ledger of servers, when the hub is to go back to an older release: does that release know its
form?"""

from __future__ import annotations

import pwd
from pathlib import Path

from ...base.command import Argv, acting_as, run
from ...base.errors import Problem
from ...site import Site
from ..host import sqlite

_KNOWN = "from sitekit.hub.servers.ledger_schema import VERSION; print(VERSION)"


def refuse_newer_ledger(site: Site, release: Path) -> None:
    """Raise Problem when `release` does not know the form of the ledger: its hub could not look
    after servers."""
    have, known = ledger_version(site), _version_that_is_known(site, release)
    if have > known:
        raise Problem(
            f"has form {have}, and the release {release.name} knows form {known}",
            str(site.ledger),
            "choose a newer release (make releases); or stop all servers and the hub, and move the ledger away",
        )


def ledger_version(site: Site) -> int:
    """The form of the ledger; 0 where there is none, and for one from before forms were counted."""
    if not site.ledger.exists():
        return 0
    hub = pwd.getpwnam(site.hub.user)
    with acting_as(hub.pw_uid, hub.pw_gid), sqlite.opened(site.ledger) as ledger:
        return int(ledger.execute("PRAGMA user_version").fetchone()[0])


def _version_that_is_known(site: Site, release: Path) -> int:
    argv: Argv = [release / "bin/python", "-I", "-c", _KNOWN]
    done = run(argv, user=site.hub.user, cwd=Path("/"), check=False)
    return int(done.stdout) if done.returncode == 0 else 0
