"""Refuse `login.method: front` if other settings of site.yml make this login impossible or
unsafe."""

from __future__ import annotations

from collections.abc import Iterator

from ...base.errors import Unfit
from ..settings import SiteSettings

METHOD = "login", "method"


def front_login_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each setting with which a login at the web server is impossible or
    unsafe."""
    if site.login.method != "front":
        return
    if site.front.server == "nginx":
        what = "nginx has no module for Shibboleth or OpenID Connect in the distributions"
        yield Unfit(what, "take `server: apache` in the section front, or another method", *METHOD)
    if site.front.outside:
        what = "with `method: front` the web server has one login, and front.outside would be a second one"
        yield Unfit(what, "leave out 'outside'; login.directives may contain Require ip", *METHOD)
    if not site.internal_tls:
        yield Unfit(
            "without internal TLS, other accounts of this host could take the proxy's port, and read users' names",
            "leave internal_tls on so that the front sends them to the site's own proxy only",
            "internal_tls",
        )
    if site.slurm.ssh and not site.login.allow.anybody:
        what = "the hub cannot read the groups of the login node, and everybody could log in"
        yield Unfit(
            what, "name users, such as `allow: {domains: [uni.example.org]}`", "login", "allow"
        )
