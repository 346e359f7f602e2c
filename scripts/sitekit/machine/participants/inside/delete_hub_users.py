"""Delete users from the hub's database while the hub is stopped, or make an API token that allows
only to delete these users.

`make accounts_remove` runs this program as the hub's account, in the release's Python. The program
reads JSON from standard input (`database`, `action`, `names`), and prints JSON. A running hub keeps
its users in memory. Therefore `make accounts_remove` deletes users with this program only while the
hub is stopped. If the hub runs, `make accounts_remove` deletes users with the hub's API, and uses a
token from this program. The token is valid for ten minutes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyterhub import orm, roles

NAME = "sitekit-accounts"
LASTS = 600


def main() -> None:
    """Do one of the actions `delete`, `token` and `revoke`."""
    asked = json.load(sys.stdin)
    db = orm.new_session_factory(asked["database"])()
    made = {"delete": delete, "token": token, "revoke": revoke}[asked["action"]](db, asked["names"])
    db.commit()
    json.dump(made, sys.stdout)


def delete(db: Any, names: list[str]) -> None:
    """Delete the users from the database, which also makes their cookies and tokens invalid."""
    for user in db.query(orm.User).filter(orm.User.name.in_(names)):
        db.delete(user)


def token(db: Any, names: list[str]) -> str:
    """Return a new API token of a JupyterHub service. The hub deletes the service of the token at
    the hub's next start."""
    service = orm.Service.find(db, NAME)
    if service is None:
        db.add(service := orm.Service(name=NAME))
        db.commit()
    role = roles.create_role(db, {"name": NAME, "scopes": ["delete:users"]})
    roles.grant_role(db, service, role)
    scopes = [f"delete:users!user={name}" for name in names]
    made: str = service.new_api_token(note=NAME, expires_in=LASTS, scopes=scopes)
    return made


def revoke(db: Any, names: list[str]) -> None:
    """Set the expiry time of the tokens to a time in the past. After this change, the hub refuses
    the tokens, and later deletes the tokens itself.

    This program must not delete the tokens itself; drill_tokens.py gives the reason.
    """
    past = orm.utcnow(with_tz=False).replace(year=2000)
    for one in db.query(orm.APIToken).filter_by(note=NAME):
        if one.service is not None and one.service.name == NAME:
            one.expires_at = past


if __name__ == "__main__":
    main()
