"""Let JupyterHub ask for a new login without an error."""

from __future__ import annotations

from jupyterhub.handlers.base import BaseHandler


def ask_stale_users_to_log_in() -> None:
    """Give handlers the attribute that says whether a request came with a token.

    JupyterHub sets it only for requests with a token, and reads it for all requests of users who
    have to log in again (handlers/base.py, refresh_auth). Such a user's start of a server ended
    with an error 500, and each page with a traceback in the log.
    """
    BaseHandler._token_authenticated = False
