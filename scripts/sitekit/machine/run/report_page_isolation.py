"""Report, for `make status`, how the site prevents that web pages of one user's server use another
user's login.

The result depends on the running processes, and not only on the site file.
"""

from __future__ import annotations

import psutil

from ...site import Site
from ..render.proxy_preloads import node_options
from ..supervisors.interface import State


def kept_apart(site: Site, proxy: State) -> tuple[bool, str]:
    """Return whether the pages of users' servers are isolated from each other, and a line for `make
    status` that describes the isolation."""
    if proxy.pid is None:
        return False, "unknown: the proxy does not run"
    if not _as_asked(site, proxy.pid):
        return (
            False,
            "NOT kept apart: the proxy runs with other settings than the site's -> sudo make apply",
        )
    if site.front.subdomains:
        return True, "kept apart by browsers: each server has a name of its own (front.subdomains)"
    return (
        True,
        "kept apart by the proxy: it opens a server after the hub has let the browser in (one domain)",
    )


def administrators(site: Site) -> str:
    """Return a line for `make status` that says whether the hub's administrators are allowed to
    open users' servers.
    """
    opens = (
        "open other people's servers, after a question"
        if site.login.admin_access
        else "cannot open others' servers"
    )
    return f"{opens} (login.admin_access)"


def _as_asked(site: Site, proxy: int) -> bool:
    """Return whether the running proxy was started with the options that isolate the pages of
    users' servers."""
    try:
        if site.front.subdomains:
            return "--host-routing" in psutil.Process(proxy).cmdline()
        wanted = node_options(site)["NODE_OPTIONS"]
        return bool(psutil.Process(proxy).environ().get("NODE_OPTIONS") == wanted)
    except psutil.Error:
        return False
