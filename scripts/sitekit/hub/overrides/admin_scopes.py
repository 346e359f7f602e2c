"""Administrators look after servers without entering them, unless the site says so
(`login.admin_access`).

JupyterHub has no setting for it: `admin_access` has gone, and its role `admin` cannot be defined
anew (roles.py, create_role). To share a server (`shares`) is to enter it, by the account that it is
shared with. So is to make a token in its user's name (tokens.py), and, on one domain, to put a page
of one's own below /services (`admin:services`).
"""

from __future__ import annotations

from typing import Any

from jupyterhub import roles
from jupyterhub.apihandlers import services

from .tokens import TokenHandler

ENTERS = {"access:servers", "shares", "admin:services"}
# what `shares` holds beside: to see them, and to end them
INSTEAD = ["read:shares", "users:shares", "groups:shares"]


def keep_administrators_out_of_servers() -> None:
    upstream = roles.get_default_roles

    def narrower() -> list[dict[str, Any]]:
        found = upstream()
        [admin] = [role for role in found if role["name"] == "admin"]
        admin["scopes"] = [scope for scope in admin["scopes"] if scope not in ENTERS] + INSTEAD
        return found

    # both names of it: an administrator's service is measured against this role, too
    # (apihandlers/services.py)
    roles.get_default_roles = services.get_default_roles = narrower
    TokenHandler.by_administrators = False
