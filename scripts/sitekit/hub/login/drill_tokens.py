"""Create the tokens with which a drill starts servers of users, and end the validity of these
tokens.

`make drill` and `make course_drill` run this program under the hub's account, with the release's
Python. The program reads JSON from standard input: the URL of the hub's database, the names of
users, the lifetime of the tokens in seconds, and the tokens' note. The program prints the tokens as
JSON. A token is valid only for the servers of its own user. Because each drill uses another note, a
drill ends only its own tokens.

While the hub runs, only the hub itself may delete a token. The hub can have the token in memory, in
the list `api_tokens` of the token's user, and does not read a row of its database a second time
(jupyterhub/orm.py, expire_on_commit=False). SQLite gives the number of a deleted row to the next
token. The hub would then compare the next token with the deleted token, and refuse the next token.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyterhub import orm, roles

SCOPES = ["read:users!user", "read:servers!user", "servers!user"]
ACCESS = "access:servers!user"


def main() -> None:
    """Create tokens for the users in the key `users` of the input. If the input has the key `end`,
    end the validity of the tokens with the given note instead."""
    asked = json.load(sys.stdin)
    db = orm.new_session_factory(asked["database"])()
    made: dict[str, str] = {}
    if asked.get("end"):
        end_tokens(db, asked["note"])
    else:
        made = {name: token_of(db, name, asked) for name in asked["users"]}
    db.commit()
    json.dump(made, sys.stdout)


def end_tokens(db: Any, note: str) -> None:
    """Set the expiry time of the tokens with this note to a time in the past. The hub refuses
    tokens whose validity has ended, and deletes these tokens within an hour (jupyterhub/app.py,
    purge_expired_tokens)."""
    past = orm.utcnow(with_tz=False).replace(year=2000)
    for token in db.query(orm.APIToken).filter_by(note=note):
        token.expires_at = past


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
