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

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from ...base.errors import shown
from .wait_until_hub_listens import wait_until_hub_listens

BATCH, PAUSE = 100, 0.1
"""After BATCH look-ups, the hub waits PAUSE seconds before the next look-up."""
SHOWN = 3
"""The number of users without an account whose names are logged."""

log = logging.getLogger("JupyterHub")


async def run() -> None:
    """Look up the accounts of all users once, and log one line."""
    await wait_until_hub_listens()
    found = JupyterHub.instance().db.query(orm.User.name).order_by(orm.User.id)
    names = [str(name) for (name,) in found]
    absent = []
    for number, name in enumerate(names, 1):
        # one name at a time: at its end, the hub waits for a look-up that runs
        if not await asyncio.to_thread(has_account, name):
            absent.append(name)
        if number % BATCH == 0:
            await asyncio.sleep(PAUSE)
    if not absent:
        log.info("All %d users in the database have an account on this host", len(names))
        return
    some = ", ".join(shown(name) for name in absent[:SHOWN])
    more = " and others" if len(absent) > SHOWN else ""
    log.warning(
        "%d users in the database have no account on this host: %s%s", len(absent), some, more
    )


def has_account(name: str) -> bool:
    """Return whether the directory of accounts contains the name."""
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):  # ValueError: no account can have this name
        return False
    return True
