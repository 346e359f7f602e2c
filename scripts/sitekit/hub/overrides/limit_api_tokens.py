"""Limit the tokens that users make for programs: number, lifetime, and length of the note.

JupyterHub itself can limit only the lifetime of tokens (token_expires_in_max_seconds, see
update_login).
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.users import UserTokenListAPIHandler
from jupyterhub.user import User
from tornado import web

from ...base.language import gettext as _
from ..login.end_browser_logins import PROGRAMS

TOKENS = 50  # the highest number of tokens of one user, including the tokens of the user's servers
NOTE = 250  # characters of a token's note
LONGEST = 100 * 365 * 86400  # seconds; a date beyond the year 9999 cannot be stored


class TokenHandler(UserTokenListAPIHandler):
    """Create tokens within sitekit's limits, on the token page and by REST.

    A token has the rights of its user, even if another person has created the token. Administrators
    may list and delete the tokens of others.
    """

    # whether administrators may create tokens for other users (only with login.admin_access)
    by_administrators = True

    def get_json_body(self) -> Any:
        body = super().get_json_body()
        if self.request.method == "POST" and isinstance(body, dict):
            note, lifetime = body.get("note"), body.get("expires_in")
            if note is not None and not (isinstance(note, str) and len(note) <= NOTE):
                raise web.HTTPError(
                    400, _("note is not a text of at most {count} characters", count=NOTE)
                )
            if isinstance(lifetime, int) and not 1 <= lifetime <= LONGEST:
                raise web.HTTPError(
                    400,
                    _("expires_in is not a number of seconds from 1 to {most}", most=LONGEST),
                )
        return body

    async def post(self, user_name: str) -> None:
        if self.current_user is not None:
            self._refuse_anothers(self.current_user)
            self._refuse_more()
        await super().post(user_name)

    async def authenticate(self, data: Any) -> Any:
        """Check the password in a request that has a password instead of a token.

        JupyterHub calls this method for requests that create a token with user name and password.
        The limits on tokens also apply to these requests.
        """
        who = await super().authenticate(data)
        self._refuse_anothers(
            self.find_user(who["name"] if isinstance(who, dict) else who) if who else None
        )
        self._refuse_more()
        return who

    def _refuse_anothers(self, requester: Any) -> None:
        """Raise HTTPError for a token in another user's name if only the role of administrator
        would allow this token.

        The site's own configuration can allow a service or a user to make tokens for others.
        """
        by_role = (
            isinstance(requester, User) and requester.admin and requester.name != self.path_args[0]
        )
        if by_role and not self.by_administrators:
            raise web.HTTPError(
                403,
                _("administrators may not create tokens for other users here (login.admin_access)"),
            )

    def _refuse_more(self) -> None:
        """Raise HTTPError if the user has too many tokens."""
        name = self.path_args[0]
        found = self.db.query(orm.APIToken).join(orm.User, orm.APIToken.user_id == orm.User.id)
        if (
            found.filter(orm.User.name == name, orm.APIToken.client_id == PROGRAMS).count()
            >= TOKENS
        ):
            raise web.HTTPError(
                400,
                _(
                    "{user} has {count} tokens, and no more are allowed. Delete one first",
                    user=name,
                    count=TOKENS,
                ),
            )
