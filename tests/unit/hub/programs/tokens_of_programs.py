"""Make and end tokens beside a hub that has them in memory, as drills do; print what the hub finds.

The arguments are the folder of sitekit's package and a folder for the database.
"""

from __future__ import annotations

import gc
import io
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])

from jupyterhub import orm, roles

from sitekit.hub.login import drill_tokens

DATABASE = Path(sys.argv[2]) / "jupyterhub.sqlite"


def program(**asked: Any) -> dict[str, str]:
    """Run the program of a drill, which opens the database a second time."""
    sys.stdin = io.StringIO(json.dumps({"database": f"sqlite:///{DATABASE}", **asked}))
    sys.stdout, kept = io.StringIO(), sys.stdout
    try:
        drill_tokens.main()
        return json.loads(sys.stdout.getvalue())
    finally:
        sys.stdout = kept


def delete(note: str) -> None:
    """Delete the tokens with this note, which a program beside the hub must not do."""
    db = orm.new_session_factory(f"sqlite:///{DATABASE}")()
    for token in db.query(orm.APIToken).filter_by(note=note):
        db.delete(token)
    db.commit()


def main() -> None:
    hub = orm.new_session_factory(f"sqlite:///{DATABASE}")()
    for role in roles.get_default_roles():
        roles.create_role(hub, role)
    hub.add(orm.OAuthClient(identifier="jupyterhub", redirect_uri=""))
    user = orm.User(name="alice")
    hub.add(user)
    roles.assign_default_roles(hub, user)
    hub.commit()

    def token(note: str) -> str:
        return program(note=note, users=["alice"], seconds=3600)["alice"]

    def accepts(one: str) -> bool:
        return orm.APIToken.find(hub, one) is not None

    first = token("first")
    told = {"first": accepts(first), "in memory": len(user.api_tokens)}  # as the page of tokens
    program(note="first", end=True)
    gc.collect()
    told |= {"ended": accepts(first), "after an end": accepts(token("second"))}
    orm.APIToken.purge_expired(hub)
    told |= {"after the hub's deletion": accepts(token("third"))}
    hub.refresh(user)
    told |= {"in memory then": len(user.api_tokens)}
    delete("third")
    told |= {"after a foreign deletion": accepts(token("fourth"))}
    print(json.dumps(told))


main()
