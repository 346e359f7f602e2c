"""Set how users log in: with PAM, at the front, or at a provider."""

from __future__ import annotations

from typing import Any

from ...site import Site
from ..servers.unix_accounts_of_users import AccountMap
from . import pam
from .at_front import update_front_login


def update_login(c: Any, site: Site, accounts: AccountMap) -> None:
    """Set who may log in, who is an administrator, and for how long a login lasts."""
    if site.login.method == "pam":
        pam.update_pam(c, site)
    elif site.login.method == "front":
        update_front_login(c, site, accounts)
    else:
        # This import is here, because a site with PAM does not need `oauthenticator`.
        from .oauth_providers import update_provider

        update_provider(c, site, accounts)
    c.Authenticator.allow_all = False
    # If this were True, JupyterHub would delete at its start each user without a Unix account, with
    # the user's servers. JupyterHub finds no account if the directory of accounts does not answer.
    c.Authenticator.delete_invalid_users = False
    c.Authenticator.refresh_pre_spawn = True
    c.JupyterHub.cookie_max_age_days = site.login.session / 86400
    c.JupyterHub.token_expires_in_max_seconds = site.login.tokens or 0
