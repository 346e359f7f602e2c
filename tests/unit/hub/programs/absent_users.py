"""Add users to a hub that starts and to a hub that serves, and log which users have no account.

The argument is the folder of sitekit's package. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pwd
import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])

from jupyterhub import orm
from jupyterhub.app import JupyterHub

from sitekit.hub.login.pam import PatientAuthenticator
from sitekit.hub.loops import log_absent_users

ABSENT = ["absent0", "zero\0byte", "absent1", "absent2"]
PRESENT = pwd.getpwuid(0).pw_name
lines: list[str] = []


class Lines(logging.Handler):
    """Keep the lines of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        lines.append(record.getMessage())


async def added(name: str) -> bool:
    """Whether the authenticator accepts a user of this name."""
    try:
        await PatientAuthenticator(service="sitekit-no-such-service").add_user(
            SimpleNamespace(name=name)
        )
    except KeyError:
        return False
    return True


async def main() -> None:
    app = JupyterHub.instance()
    told = {"starting": [await added(name) for name in (PRESENT, "absent0")]}
    app.http_server = object()
    told["serving"] = [await added(name) for name in (PRESENT, "absent0")]
    app.db = orm.new_session_factory("sqlite:///:memory:")()
    app.db.add(orm.User(name=PRESENT))
    app.db.commit()
    app.log.addHandler(Lines())
    await log_absent_users.run()
    app.db.add_all(orm.User(name=name) for name in ABSENT)
    app.db.commit()
    await log_absent_users.run()
    print(json.dumps({**told, "lines": lines}))


asyncio.run(main())
