"""Login with the cluster password, through a PAM service of the site's own. Nobody may come in by default."""

from __future__ import annotations

from typing import Any

from ..site import Site


def update_login(c: Any, site: Site) -> None:
    """Who may log in, and who administers, by Unix group."""
    c.JupyterHub.authenticator_class = "pam"
    c.PAMAuthenticator.service = f"sitekit-{site.name}"
    c.PAMAuthenticator.open_sessions = False  # needs root, which the hub is not
    c.PAMAuthenticator.allowed_groups = set(site.login.allowed_groups)
    c.PAMAuthenticator.admin_groups = set(site.login.admin_groups)
    c.Authenticator.allow_all = False
    # JupyterHub would forget whom it cannot find when it starts, servers and all; a directory may be silent just then
    c.Authenticator.delete_invalid_users = False
