"""Define the REST handler for the choices of the form that a user has saved with a name."""

from __future__ import annotations

import json
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.user import User
from tornado import web

from ...base.errors import BadInput
from ...base.language import gettext as _
from ..choices.check_choice import BadChoice, read_choice
from ..choices.form_values import as_query
from ..ledger.record_saved_choices import created
from ..servers.shared_objects import HubState

SAVED_CHOICES = r"/api/sitekit/choices"


class SavedChoicesHandler(APIHandler):
    """Handle GET, POST and DELETE of /hub/api/sitekit/choices: list, save or delete choices.

    Users can use only their own saved choices. GET needs the scope `read:servers`, POST needs the
    scope `start:servers`, and DELETE needs the scope `delete:servers`. Each response lists the
    saved choices. Each saved choice contains the query of a URL that fills in the form with the
    saved values.
    """

    hub_state: HubState

    def get(self) -> None:
        self._list(self._user("read:servers"))

    async def post(self) -> None:
        """Save a choice: `{"name": NAME, "options": {"tier": KEY, ...}}`. Raises HTTPError (400) if
        the request has another form, or if the name or the options are refused."""
        user = self._user("start:servers")
        body = self.get_json_body()
        if not (isinstance(body, dict) and isinstance(body.get("name"), str)):
            raise web.HTTPError(400, 'send {"name": NAME, "options": OPTIONS}')
        eligibility = await user.spawner.eligibility()
        try:
            _, kept = read_choice(self.hub_state.site, body.get("options"), eligibility)
            name = " ".join(body["name"].split())
            self.hub_state.ledger.save_choice(user.name, name, kept, created(user))
        except BadChoice as bad:
            raise web.HTTPError(400, str(bad)) from None
        except BadInput as bad:
            raise web.HTTPError(400, "; ".join(filter(None, (bad.what, bad.remedy)))) from None
        self._list(user)

    def delete(self) -> None:
        """Delete the choice that the query names: `?name=NAME`. Raises HTTPError (404) if the user
        has saved no choice of this name."""
        user = self._user("delete:servers")
        if not self.hub_state.ledger.delete_choice(user.name, self.get_query_argument("name", "")):
            raise web.HTTPError(404, _("you have saved no choice of this name"))
        self._list(user)

    def _list(self, user: Any) -> None:
        saved = self.hub_state.ledger.saved_choices(user.name, created(user))
        self.set_header("Content-Type", "application/json")
        self.finish(
            json.dumps([{"name": one.name, "query": as_query(one.options)} for one in saved])
        )

    def _user(self, scope: str) -> Any:
        """Return the user who sends the request. Raises HTTPError (403) if the token does not
        belong to a user, or does not have `scope`."""
        user = self.current_user
        if not isinstance(user, User):
            raise web.HTTPError(403, "only users have saved choices")
        if not self.get_scope_filter(scope)(user, kind="user"):
            raise web.HTTPError(403, f"this request needs the scope {scope}")
        return user
