"""End all of a user's browser logins when the user logs out, and limit the number of such logins.

A browser is logged in at the hub by a cookie, and then at each server by OAuth (oauth/provider.py).
At logout JupyterHub deletes the browser's cookies, but a copy of these cookies stays valid for days
(handlers/login.py, _backend_logout_cleanup). A logout does not stop the user's servers.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.handlers import login

# the OAuth client of tokens that do not come from a login: users' own tokens, and servers' tokens
PROGRAMS = "jupyterhub"
REMEMBERED = 50  # logins of one user at servers; older logins are deleted


class LogoutHandler(login.LogoutHandler):
    """End all sessions of the user at logout, including those in other browsers."""

    def _backend_logout_cleanup(self, name: str) -> None:
        user = self.current_user.orm_user
        super()._backend_logout_cleanup(name)
        user.cookie_id = orm.new_token()
        for table in (orm.OAuthCode, orm.APIToken):
            forget(self.db, table, user.id, but=0)


def forget(session: Any, table: Any, user: int, but: int = REMEMBERED) -> None:
    """Delete a user's oldest logins at servers from `table`, a table of JupyterHub's database, and
    commit the transaction.

    The argument `but` is the number of newest logins that are kept.
    """
    rows = session.query(table).filter(table.user_id == user, table.client_id != PROGRAMS)
    for row in rows.order_by(table.id.desc()).offset(but):
        session.delete(row)
    session.commit()
