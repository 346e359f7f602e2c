"""Replace JupyterHub's handler of the form on which users start a server.

The query of a URL can fill in the form, but never starts a server. A submitted form contains the
name of the server that is to be started.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from ...base.language import gettext as _
from ...base.language import later as N_
from .count_started_named_servers import only_if_started

NAME_FORM = N_(
    "this cannot be the name of a server: use at most 30 of a-z, 0-9 and '-', and begin with a letter"
)


class FormHandler(SpawnHandler):
    """Use the query of a URL to fill in the form, but never to start a server.

    A page of another site could redirect a user to a URL with a query (CVE-2026-40864).
    JupyterHub's own handler reads unknown keys of the query as options, and starts a server with
    these options (handlers/pages.py).

    `form_server` is the name of the server in the URL; "" for the user's default server.
    """

    form_server = ""

    def _get_user_options(self, query_options: dict[str, list[str]]) -> dict[str, list[str]]:
        return {}

    @needs_scope("servers")
    async def _get(self, user_name: str, server_name: str, display_name: str) -> None:
        self.form_server = server_name
        with only_if_started(self, user_name, server_name):
            await super()._get(user_name, server_name, display_name)

    @needs_scope("servers")
    async def _post(self, user_name: str, server_name: str, display_name: str) -> None:
        """Start the server that the URL or the form's field `server` names.

        If the name is refused, the form shows the error at the field of the name, and keeps the
        values that the user typed. JupyterHub's own handler would show an error page.
        """
        self.form_server = server_name
        user = self.find_user(user_name)
        if user is not None:
            # JupyterHub passes its own handler only for GET, and removes it when a start fails
            user.spawner.form_handler = self
        typed = " ".join(self.get_body_argument("server", "").split())
        if user is not None and typed and not server_name:
            try:
                await self._check_named_server_request(user, typed, typed)
                if typed in user.spawners and user.spawners[typed].active:
                    what = _("the server {name} is running already", name=typed)
                    raise web.HTTPError(400, what)
            except web.HTTPError as refused:
                await self._show_refusal(user, refused)
                return
            server_name = display_name = typed
        try:
            with only_if_started(self, user_name, server_name):
                await super()._post(user_name, server_name, display_name)
        finally:
            # otherwise the next form would use the handler of this request
            if user is not None and user.spawner.form_handler is self:
                user.spawner.form_handler = None

    async def _show_refusal(self, user: User, refused: web.HTTPError) -> None:
        """Show the form again, with the values that the user typed, and with the error at the field
        of the server's name."""
        form = {
            key: [value.decode("utf-8", "replace") for value in values]
            for key, values in self.request.body_arguments.items()
        }
        user.spawner.options_from_form(form)
        what = str(refused.log_message or refused.reason)
        user.spawner.typed.errors = {"server": _(NAME_FORM) if what.startswith("Invalid") else what}
        self.set_status(refused.status_code)
        self.finish(await self._render_form(user, await user.spawner.get_options_form()))

    async def _render_form(
        self, for_user: User, spawner_options_form: str, message: str = "", html_message: str = ""
    ) -> str:
        """Render the page around the form. If the form contains a list of errors, the page does not
        repeat these errors."""
        if 'id="sitekit-errors"' in spawner_options_form:
            message = html_message = ""
        return str(
            await super()._render_form(for_user, spawner_options_form, message, html_message)
        )

    async def _wrap_spawn_single_user(
        self, user: User, server_name: str, *words: Any, **named: Any
    ) -> None:
        """Check the user's login before the start. Therefore, the server is already starting when
        the browser opens the server's page.

        JupyterHub redirects the browser one second after the form was submitted (handlers/pages.py;
        jupyterhub#4244 describes another problem of this redirect). If the check of the login takes
        longer than one second, for example because a whole class starts at once, the start has not
        begun when the page is loaded. Without this method, the page would show that the server is
        not running, although the start begins later. A request checks a login only once
        (handlers/base.py, refresh_auth), so JupyterHub does not repeat this check.
        """
        if await self.refresh_auth(user, force=True) is None:
            what = _("The login of {user} is over. Log in again.", user=user.name)
            raise web.HTTPError(403, what)
        if user.spawners[server_name].pending:
            what = _("Your server is starting or stopping already. Wait until it has ended.")
            raise web.HTTPError(400, what)
        await super()._wrap_spawn_single_user(user, server_name, *words, **named)
