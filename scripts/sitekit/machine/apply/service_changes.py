"""Decide which services must restart or reload after a change of files.

The functions of this file compute only: they neither read nor change the machine. Users' servers
are not among these services, and are never restarted.

A restart of the proxy or of Apache closes the connections of open notebooks, which reconnect by
themselves. To avoid this, a web server is reloaded, and is restarted only for changes that a reload
cannot apply (`system_server.cannot_reload`).
"""

from __future__ import annotations

import configparser
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...contracts.internal_tls import authority, authority_key, certificate_and_key
from ...contracts.metrics_token import hub_token
from ...site import Site
from ..host.file_to_write import File
from ..host.platform import Platform, WebServer
from ..installed.read_and_restore_path import Entry
from ..render.services_of_site import site_services
from ..render.tunnel import tunnel_files, tunnel_key_paths
from ..supervisors.service import Service
from ..system_sshd.deny_groups import denied_path
from ..web import system_server
from ..web.config import front_path, read_by_front, server

Verb = Literal["restart", "reload", "start"]


@dataclass(frozen=True)
class ServiceChange:
    """Describe the change of one service: a start, a restart or a reload.

    `state` is the state of the service before the change. If `enabled` is true, systemd starts the
    service at each boot.
    """

    name: str
    verb: Verb
    state: str = "running"
    enabled: bool = False

    @property
    def what(self) -> tuple[str, str]:
        return f"{'enable, ' if self.enabled else ''}{self.verb}", self.name


def list_service_changes(
    site: Site,
    platform: Platform,
    changed: Mapping[Path, Entry],
    files: Mapping[Path, File],
    states: Mapping[str, str],
    applied: Site,
) -> list[ServiceChange]:
    """Return the changes of services, in the order in which the services start.

    `changed` maps each changed path to the file or link that existed there before. A stopped
    service is not started. A service that moves to another supervisor is started if it runs now. A
    service that the last applied site did not have is started if the proxy runs.
    """
    restart, reload = _readers(site, platform, changed)
    conf = site.etc / "supervisord.conf"
    if conf in changed and conf in files:
        restart |= _sections_changed(changed[conf], files[conf])
    there = {key for key, _ in services_by_key(applied, platform)}
    found = []
    for key, service in services_by_key(site, platform):
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
    for web in web_servers_reading(site, platform, changed):
        if runs(states, web):
            linked = [path for path in changed if web.links and path.parent == web.links.modules]
            mine = changed.get(front_path(site, platform))
            afresh = system_server.cannot_reload(linked, (mine and mine.content) or b"")
            found.append(ServiceChange(web.service, "restart" if afresh else "reload"))
    if denied_path(site) in changed and states.get(platform.ssh_service) == "running":
        found.append(ServiceChange(platform.ssh_service, "reload"))
    return found


def services_by_key(site: Site, platform: Platform) -> list[tuple[tuple[str, str], Service]]:
    """Return the site's services, each with its supervisor and name as the key."""
    return [((site.supervisor, service.name), service) for service in site_services(site, platform)]


def web_servers_reading(
    site: Site, platform: Platform, changed: Collection[Path]
) -> list[WebServer]:
    """Return the machine's own web servers that read one of the changed paths."""
    there = {path for path in changed if path.suffix != ".new"}
    mine = server(site, platform) if site.front.instance == "system" else None
    return [
        web
        for web in (platform.apache, platform.nginx)
        if (web is mine and read_by_front(site, platform) & there)
        or {path.parent for path in there} & web.folders
    ]


def runs(states: Mapping[str, str], web: WebServer) -> bool:
    """Return whether the web server runs."""
    return states.get(web.service) in ("running", "starting")


def _readers(
    site: Site, platform: Platform, changed: Mapping[Path, Entry]
) -> tuple[set[str], set[str]]:
    """Return two sets with the names of services. The services in the first set must restart to use
    the changed files. For the services in the second set, a reload is enough."""
    hub = {
        site.etc / name
        for name in ("site.yml", "jupyterhub_config.py", "culler_config.py", "proxy.env", "hub.env")
    }
    hub |= {
        path for path in changed if path.parent == site.etc / "local.d" and path.suffix == ".py"
    }
    hub.add(hub_token(site))
    # The hub's unit starts the timers.
    hub |= {path for path in changed if path.suffix == ".timer"}
    authorities = {authority(site, "services"), authority(site, "servers")}
    hub |= {
        *authorities,
        authority_key(site, "servers"),
        certificate_and_key(site, "hub"),
        certificate_and_key(site, "culler"),
    }
    proxy = {site.etc / "proxy.env", certificate_and_key(site, "proxy"), *authorities}
    proxy |= {path for path in changed if path.parent == site.libexec / "proxy"}
    sshd = tunnel_files(site).keys() | tunnel_key_paths(site)
    hub |= tunnel_key_paths(site)
    reads = {"hub": hub, "proxy": proxy, "tunnel": sshd}
    restart = {site.service(part) for part, paths in reads.items() if paths & changed.keys()}
    restart |= {path.stem for path in changed if path.suffix == ".service"}
    return restart, {site.service("front")} if read_by_front(
        site, platform
    ) & changed.keys() else set()


def _sections_changed(before: Entry, after: File) -> set[str]:
    """Return the names of the programs whose sections in supervisord.conf differ between `before`
    and `after`.

    If the file `before` did not exist, the names of all programs in `after` are returned.
    """
    old, new = (_sections(text) for text in ((before.content or b"").decode(), after.content))
    return {name for name, section in new.items() if section != old.get(name)}


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a supervisord.conf: program name -> settings."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read_string(text)
    return {
        name.removeprefix("program:"): dict(parser[name])
        for name in parser.sections()
        if ":" in name
    }
