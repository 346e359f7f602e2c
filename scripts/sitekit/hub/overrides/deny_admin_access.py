"""Prevent administrators from opening users' servers, unless the site sets `login.admin_access`.

JupyterHub itself cannot prevent administrators from opening servers: the setting `admin_access` was
removed, and the role `admin` cannot be redefined (roles.py, create_role). Besides `access:servers`,
three more rights would let an administrator open a user's server. With the scope `shares`, an
administrator could share the server with another account. A token that an administrator makes in
the user's name opens the server (limit_api_tokens.py). With `admin:services`, an administrator
could put a page below /services. At a site where all users' servers share one domain, the page
would be on the servers' domain.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import roles
from jupyterhub.apihandlers import services

from .limit_api_tokens import TokenHandler

ENTERS = {"access:servers", "shares", "admin:services"}
# the other scopes that `shares` includes: to see shares, and to end them
INSTEAD = ["read:shares", "users:shares", "groups:shares"]


def keep_administrators_out_of_servers() -> None:
    """Remove the scopes that allow entry to servers from the role `admin`."""
    upstream = roles.get_default_roles

    def narrower() -> list[dict[str, Any]]:
        found = upstream()
        [admin] = [role for role in found if role["name"] == "admin"]
        admin["scopes"] = [scope for scope in admin["scopes"] if scope not in ENTERS] + INSTEAD
        return found

    # Replace this function in both modules, because apihandlers/services.py also compares the
    # scopes of an administrator's service with this role.
    roles.get_default_roles = services.get_default_roles = narrower
    TokenHandler.by_administrators = False
