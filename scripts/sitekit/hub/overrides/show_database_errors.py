"""Show a clear message while the hub's database cannot be used.

For example, the disk is full, another program has locked the database, or a PostgreSQL server does
not answer. If the error happens when JupyterHub looks up the visitor's login, JupyterHub itself
would treat the visitor as not logged in (handlers/base.py, prepare), and show "403 : None". If the
error happens later in the request, JupyterHub itself would show "You can try restarting your
server", which does not help.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from ...base.language import gettext as _
from ...base.language import later as N_
from ..ledger.ledger import LedgerTrouble

WORDS = N_(
    "The hub cannot use its database: the disk may be full, or the database's server may not "
    "answer. Running servers are not affected. "
    "Try again in a few minutes, and tell your administrators if it stays so."
)


def tell_of_database() -> None:
    """If a database error ends a request, show a message about the database on the page or in the
    REST answer."""
    words = _(WORDS)
    SQLAlchemyError.jupyterhub_message = LedgerTrouble.jupyterhub_message = words
    SQLAlchemyError.jupyterhub_html_message = LedgerTrouble.jupyterhub_html_message = words
    get_user, prepare, write = (
        BaseHandler.get_current_user,
        BaseHandler.prepare,
        BaseHandler.write_error,
    )

    async def get_current_user(handler: BaseHandler) -> object:
        try:
            return await get_user(handler)
        except SQLAlchemyError:
            handler.database_fails = (
                True  # JupyterHub catches the error, and continues without a user
            )
            raise

    async def prepare_or_tell(handler: BaseHandler) -> None:
        try:
            await prepare(handler)
        except web.HTTPError:
            if not getattr(handler, "database_fails", False):
                raise
        if getattr(handler, "database_fails", False):
            trouble = web.HTTPError(503, words)
            trouble.jupyterhub_message = words
            raise trouble

    def write_error(handler: BaseHandler, status_code: int, **settings: Any) -> None:
        trouble = (settings.get("exc_info") or (None, None))[1]
        if isinstance(trouble, SQLAlchemyError | LedgerTrouble):
            handler.extra_error_html = ""  # remove JupyterHub's advice to start the server again
        write(handler, status_code, **settings)

    BaseHandler.get_current_user = get_current_user
    BaseHandler.prepare, BaseHandler.write_error = prepare_or_tell, write_error
