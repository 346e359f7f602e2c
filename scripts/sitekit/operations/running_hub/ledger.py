"""Open the hub's ledger from a make target, with the rights of the hub's account."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ...base.command import acting_as
from ...base.errors import BadInput, Problem
from ...hub.servers.ledger import Ledger, LedgerTrouble
from ...hub.servers.ledger_schema import NewerLedger
from ...site import Site


@contextmanager
def hubs_ledger(site: Site) -> Iterator[Ledger]:
    """Yield the ledger, which the hub's account reads and writes. Raises Problem.

    Only root and the hub's account may do this. The hub reads what is written here at its next look.
    """
    try:
        hub = pwd.getpwnam(site.hub.user)
    except KeyError:
        raise BadInput("there is no such account", site.hub.user, "sudo make apply") from None
    if os.geteuid() not in (0, hub.pw_uid):
        raise BadInput(f"only root and {site.hub.user} may read the ledger", remedy="use sudo")
    with acting_as(hub.pw_uid, hub.pw_gid):
        if not site.ledger.is_file():
            raise BadInput("there is no ledger yet", str(site.ledger), "sudo make start")
        try:
            yield Ledger(site.ledger)
        except (LedgerTrouble, NewerLedger, sqlite3.Error) as trouble:
            raise Problem(str(trouble), str(site.ledger)) from None


def operator() -> str:
    """Return the name under which an action is recorded: who called sudo, and that it was make.

    Call it outside of hubs_ledger(), which acts as the hub's account.
    """
    caller = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    try:
        name = caller or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return f"{name[:64]} (make)"
