"""After the start of the hub, log which users in the hub's database have no Unix account on this host.

JupyterHub itself looks up the account of each user before it serves, and logs a traceback for each
user without an account (app.py, init_users). With thousands of users or a slow directory of
accounts, the hub would serve much later. Therefore PatientAuthenticator (login/pam.py) does not
look up these accounts. sitekit keeps users without an account, because the directory of accounts
may only be down.
"""

from __future__ import annotations

import asyncio
import logging
import pwd
from collections.abc import Sequence

from jupyterhub import orm
from jupyterhub.app import JupyterHub

BATCH, PAUSE = 100, 0.1
"""The hub looks up BATCH accounts, and then waits PAUSE seconds before it looks up the next
accounts."""
SHOWN = 3
"""The number of users without an account whose names are logged."""
STARTING = 0.2  # seconds between two checks whether the hub serves

log = logging.getLogger("JupyterHub")


async def run() -> None:
    """Look up the accounts of all users once, and log one line."""
    app = JupyterHub.instance()
    while app.http_server is None:
        await asyncio.sleep(STARTING)
    names = [str(name) for (name,) in app.db.query(orm.User.name).order_by(orm.User.id)]
    absent: list[str] = []
    for first in range(0, len(names), BATCH):
        absent += await asyncio.to_thread(without_account, names[first : first + BATCH])
        await asyncio.sleep(PAUSE)
    if not absent:
        log.info("All %d users in the database have an account on this host", len(names))
        return
    shown = ", ".join(absent[:SHOWN]) + (" and others" if len(absent) > SHOWN else "")
    log.warning("%d users in the database have no account on this host: %s", len(absent), shown)


def without_account(names: Sequence[str]) -> list[str]:
    """Return the names that the directory of accounts does not contain."""
    absent = []
    for name in names:
        try:
            pwd.getpwnam(name)
        except KeyError:
            absent.append(name)
    return absent
