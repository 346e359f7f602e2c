"""A user's logins by browser: at the hub, by a cookie id, and from there at each server, by OAuth
(oauth/provider.py).

Logging out ends all of them. JupyterHub deletes the browser's cookies and leaves valid what they
say, so that a copy of them logs in for days (handlers/login.py, _backend_logout_cleanup). The
servers go on.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.handlers import login

# the OAuth client of all tokens that come from no login: users' own, and those of servers
PROGRAMS = "jupyterhub"
REMEMBERED = 50  # logins of one user at servers; the oldest are forgotten


class LogoutHandler(login.LogoutHandler):
    """JupyterHub's, which ends all sessions of the user, in other browsers too."""

    def _backend_logout_cleanup(self, name: str) -> None:
        user = self.current_user.orm_user
        super()._backend_logout_cleanup(name)
        user.cookie_id = orm.new_token()
        for table in (orm.OAuthCode, orm.APIToken):
            forget(self.db, table, user.id, but=0)


def forget(session: Any, table: Any, user: int, but: int = REMEMBERED) -> None:
    """Delete the rows that a user's logins at servers have left in `table`, but for the last ones;
    and commit."""
    rows = session.query(table).filter(table.user_id == user, table.client_id != PROGRAMS)
    for row in rows.order_by(table.id.desc()).offset(but):
        session.delete(row)
    session.commit()
