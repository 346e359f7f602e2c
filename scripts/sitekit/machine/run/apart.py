"""What keeps the pages of one user's server from acting with another user's login, as the running proxy has it."""

from __future__ import annotations

from pathlib import Path

from ...site import Site
from ..render.preloaded import node_options
from ..supervisors.interface import State


def kept_apart(site: Site, proxy: State) -> tuple[bool, str]:
    """Whether they are, and by what, in the words of `make status`."""
    if proxy.pid is None:
        return False, "unknown: the proxy does not run"
    if not _started_with(proxy.pid, "cmdline" if site.front.subdomains else "environ", _sign(site)):
        return False, "NOT kept apart: the proxy runs with other settings than the site's -> sudo make apply"
    if site.front.subdomains:
        return True, "kept apart by browsers: each server has a name of its own (front.subdomains)"
    return True, "kept apart by the proxy: it opens a server after the hub has let the browser in (one domain)"


def administrators(site: Site) -> str:
    opens = (
        "open other people's servers, after a question" if site.login.admin_access else "cannot open others' servers"
    )
    return f"{opens} (login.admin_access)"


def _sign(site: Site) -> str:
    """What the proxy was started with if it keeps them apart."""
    return "--host-routing" if site.front.subdomains else f"NODE_OPTIONS={node_options(site)['NODE_OPTIONS']}"


def _started_with(pid: int, kind: str, word: str) -> bool:
    try:
        return word in Path(f"/proc/{pid}/{kind}").read_text(errors="replace").split("\0")
    except OSError:
        return False
