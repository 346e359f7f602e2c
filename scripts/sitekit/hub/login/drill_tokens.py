"""Create and remove the tokens with which a drill starts servers of users.

`make drill` and `make course_drill` run this program as the hub's user, with the release's Python. The program
reads JSON from standard input: the path of the hub's database, the names of users, the lifetime of
the tokens in seconds, and the tokens' note. The program prints the tokens as JSON. A token is valid
only for the servers of its own user. Each drill uses another note, so that a drill removes only its
own tokens.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyterhub import orm, roles

SCOPES = ["read:users!user", "read:servers!user", "servers!user"]
ACCESS = "access:servers!user"


def main() -> None:
    """Create tokens for `users`; with `remove`, delete the tokens with this note instead."""
    asked = json.load(sys.stdin)
    db = orm.new_session_factory(f"sqlite:///{asked['database']}")()
    made: dict[str, str] = {}
    if asked.get("remove"):
        for token in db.query(orm.APIToken).filter_by(note=asked["note"]):
            db.delete(token)
    else:
        made = {name: token_of(db, name, asked) for name in asked["users"]}
    db.commit()
    json.dump(made, sys.stdout)


def token_of(db: Any, name: str, asked: dict[str, Any]) -> str:
    """Return a new token for the user, who is added to the hub's users if necessary."""
    user = orm.User.find(db, name)
    if user is None:
        user = orm.User(name=name)
        db.add(user)
        roles.assign_default_roles(db, user)
        db.commit()
    note, seconds = asked["note"], asked["seconds"]
    scopes = [*SCOPES, ACCESS] if asked.get("access") else SCOPES
    token: str = user.new_api_token(note=note, expires_in=seconds, scopes=scopes)
    return token


if __name__ == "__main__":
    main()
