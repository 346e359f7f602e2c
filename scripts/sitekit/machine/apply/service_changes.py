"""Which services have to take in what changed, and how gently that can be done. Pure.

Users' servers are Slurm's jobs: none of this touches them. A proxy or an Apache that restarts cuts
the connections of open notebooks, which come back by themselves; so a web server reads its
configuration again, and restarts only for what a reload cannot bring (`webserver.cannot_reload`).
"""

from __future__ import annotations

import configparser
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...contracts.internal_tls import authority, authority_key, pair
from ...site import Site
from ..host.file import File
from ..host.platform import Platform, WebServer
from ..installed.entries import Entry
from ..render.services import site_services
from ..supervisors.service import Service
from ..web import system_server
from ..web.config import front_path, read_by_front, server

Verb = Literal["restart", "reload", "start"]


@dataclass(frozen=True)
class ServiceChange:
    """`reload`: read the configuration again, without an interruption. `state` is that of before,
    as in `Seen`; systemd starts what is `enabled` at each boot."""

    name: str
    verb: Verb
    state: str = "running"
    enabled: bool = False

    @property
    def what(self) -> tuple[str, str]:
        return f"{'enable, ' if self.enabled else ''}{self.verb}", self.name


def affected(
    site: Site,
    platform: Platform,
    changed: Mapping[Path, Entry],
    files: Mapping[Path, File],
    states: Mapping[str, str],
    applied: Site,
) -> list[ServiceChange]:
    """In the order of their start. `changed` are the paths with what stood there before; what is
    stopped stays so.

    What the site as `applied` did not have, or had under the other supervisor, starts where its
    like or the proxy ran.
    """
    restart, reload = _readers(site, platform, changed)
    conf = site.etc / "supervisord.conf"
    if conf in changed and conf in files:
        restart |= _sections_changed(changed[conf], files[conf])
    there = {key for key, _ in supervised(applied, platform)}
    found = []
    for key, service in supervised(site, platform):
        state = states.get(service.name, states.get(site.service("proxy"), "stopped"))
        if state != "stopped" and key not in there:
            found.append(
                ServiceChange(service.name, "start", state, enabled=site.supervisor == "systemd")
            )
        elif state != "stopped" and service.name in restart | reload:
            found.append(
                ServiceChange(
                    service.name, "restart" if service.name in restart else "reload", state
                )
            )
    for web in web_servers(site, platform, changed):
        if runs(states, web):
            linked = [path for path in changed if web.links and path.parent == web.links.modules]
            mine = changed.get(front_path(site, platform))
            afresh = system_server.cannot_reload(linked, (mine and mine.content) or b"")
            found.append(ServiceChange(web.service, "restart" if afresh else "reload"))
    return found


def supervised(site: Site, platform: Platform) -> list[tuple[tuple[str, str], Service]]:
    """The site's services, each by its supervisor and name."""
    return [((site.supervisor, service.name), service) for service in site_services(site, platform)]


def web_servers(site: Site, platform: Platform, changed: Collection[Path]) -> list[WebServer]:
    """The machine's own web servers that read one of the changed paths."""
    there = {path for path in changed if path.suffix != ".new"}
    mine = server(site, platform) if site.front.instance == "system" else None
    return [
        web
        for web in (platform.apache, platform.nginx)
        if (web is mine and read_by_front(site, platform) & there)
        or {path.parent for path in there} & web.folders
    ]


def runs(states: Mapping[str, str], web: WebServer) -> bool:
    return states.get(web.service) in ("running", "starting")


def _readers(
    site: Site, platform: Platform, changed: Mapping[Path, Entry]
) -> tuple[set[str], set[str]]:
    """The services that read one of the changed files at their start, and those that can read it
    again as they run."""
    hub = {
        site.etc / name
        for name in ("site.yml", "jupyterhub_config.py", "culler_config.py", "proxy.env")
    }
    hub |= {
        path for path in changed if path.parent == site.etc / "local.d" and path.suffix == ".py"
    }
    # the hub's unit brings the timers up with it
    hub |= {path for path in changed if path.suffix == ".timer"}
    authorities = {authority(site, "services"), authority(site, "servers")}
    hub |= {*authorities, authority_key(site, "servers"), pair(site, "hub"), pair(site, "culler")}
    proxy = {site.etc / "proxy.env", pair(site, "proxy"), *authorities}
    proxy |= {path for path in changed if path.parent == site.libexec / "proxy"}
    reads = {"hub": hub, "proxy": proxy}
    restart = {site.service(part) for part, paths in reads.items() if paths & changed.keys()}
    restart |= {path.stem for path in changed if path.suffix == ".service"}
    return restart, {site.service("front")} if read_by_front(
        site, platform
    ) & changed.keys() else set()


def _sections_changed(before: Entry, after: File) -> set[str]:
    """The programs whose sections differ between two supervisord.conf; all of them where the old
    one is not known."""
    old, new = (_sections(text) for text in ((before.content or b"").decode(), after.content))
    return {name for name, section in new.items() if section != old.get(name)}


def _sections(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(text)
    return {
        name.removeprefix("program:"): dict(parser[name])
        for name in parser.sections()
        if ":" in name
    }
