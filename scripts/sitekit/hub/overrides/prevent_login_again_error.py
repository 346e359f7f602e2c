"""Prevent an error of JupyterHub when a user has to log in again."""

from __future__ import annotations

from jupyterhub.handlers.base import BaseHandler


def ask_stale_users_to_log_in() -> None:
    """Add to all handlers the attribute that is true if a request came with an API token.

    JupyterHub sets the attribute only for requests with a token, but reads the attribute for all
    requests of users who have to log in again (handlers/base.py, refresh_auth). If the attribute is
    missing, a start of a server by such a user ends with an error 500, and each page writes a
    traceback into the log.
    """
    BaseHandler._token_authenticated = False
