"""Open the hub's ledger from a make target, with the rights of the hub's account."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ...base.errors import BadInput, Problem, shown
from ...base.run_program import acting_as
from ...hub.ledger.ledger import Ledger, LedgerTrouble
from ...hub.ledger.ledger_schema import NewerLedger, OlderLedger
from ...hub.ledger.open_ledger_beside_hub import RunningLedger
from ...machine.participants import participants_known_to_hub
from ...site import Site


@contextmanager
def hubs_ledger(site: Site, *, writes: bool = True) -> Iterator[Ledger]:
    """Open the ledger with the rights of the hub's account, and yield the ledger. Raises Problem.

    Only root and the hub's account can use this function. A change of the ledger has an effect when
    the running hub reads the ledger the next time. If the ledger has the format of an older
    sitekit, raises Problem: the hub of the older sitekit perhaps still runs, and could not use a
    converted ledger.
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
            with closing(RunningLedger(site.ledger, writes=writes)) as ledger:
                yield ledger
        except OlderLedger as older:
            remedy = "finish the update up to `sudo make start`; see docs/updating.md"
            raise Problem(str(older), str(site.ledger), remedy) from None
        except (LedgerTrouble, NewerLedger, sqlite3.Error) as trouble:
            raise Problem(str(trouble), str(site.ledger)) from None


def refuse_unknown(site: Site, user: str) -> None:
    """Raise BadInput if the hub has no user of this name. Do not call this function in a `with
    hubs_ledger()` block, where this process has the rights of the hub's account."""
    if not participants_known_to_hub.known(site, [user]):
        remedy = "write the name as /hub/admin lists it"
        raise BadInput(f"the hub has no user {shown(user)}", "USER", remedy)


def operator() -> str:
    """Return the name under which an action is recorded, such as `alice (make)`. With sudo, this is
    the name of the user who called sudo. Without sudo, it is the name of this process's account.

    Do not call this function in a `with hubs_ledger()` block, where this process has the uid of the
    hub's account.
    """
    caller = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    try:
        name = caller or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return f"{name[:64]} (make)"
