"""Restart or reload services after `make apply`, and after a failed apply that was undone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from ...base.progress import say, step
from ...site import Site
from ..checks.sudo import check_rule
from ..host.platform import Platform, WebServer
from ..installed.read_and_restore_path import MACHINE
from ..render.services_of_site import running_supervisor, site_services
from ..supervisors import control
from ..system_sshd import control as system_sshd
from ..web import compare_virtual_host_answers, system_server
from ..web.config import front_path
from .plan import ApplyPlan
from .service_changes import ServiceChange, Verb, web_servers_reading


def restart_services(
    found: ApplyPlan, site: Site, platform: Platform, root: Path, undo: ExitStack | None
) -> None:
    """Restart or reload the services that read a changed file, and wait until they answer.

    The function does not wait for services that did not answer before the apply. The function adds
    to the stack `undo` a function that stops newly started services. If `undo` is None, the apply
    has failed, and the changed files were restored. After a failed apply, the services of the
    earlier site are restarted. Raises Problem.
    """
    if root != MACHINE:
        return
    site, changes = (site, found.services) if undo else (found.applied, found.back)
    units = any(path.is_relative_to("/etc/systemd/system") for path in found.changed)
    if units and control.which_supervisor() == "systemd":
        control.read_units()
    verbs = {change.name: change.verb for change in changes}
    webs = [
        web for web in web_servers_reading(site, platform, found.changed) if web.service in verbs
    ]
    # The site may move between the machine's own web server and a separate one, which use the same
    # ports. The machine's web server is reloaded first if it must release the ports, and last if it
    # will use the ports.
    _web_servers([web for web in webs if not in_use(site, platform, web)], verbs, site, platform)
    _own_services(site, platform, changes, undo)
    rules = any(path.parent == platform.sudoers for path in found.changed)
    if undo and rules and site.slurm.ssh is None:
        check_rule(site)
    _web_servers([web for web in webs if in_use(site, platform, web)], verbs, site, platform)
    if platform.ssh_service in verbs:
        with step("Reloading sshd, which ends no connection"):
            system_sshd.reload(platform)


def _web_servers(
    webs: list[WebServer], verbs: dict[str, Verb], site: Site, platform: Platform
) -> None:
    """Reload or restart the machine's own web servers, and check that their other
    virtual hosts still answer.
    """
    for web in webs:
        verb: Literal["restart", "reload"] = (
            "restart" if verbs[web.service] == "restart" else "reload"
        )
        with step(f"{verb.capitalize()}ing {web.service}, the machine's own web server"):
            own = front_path(site, platform)
            before = (
                compare_virtual_host_answers.quiet(web, own)
                if system_server.state(web).word == "running"
                else {}
            )
            system_server.take_in(web, verb, system_server.site_log(site))
            if in_use(site, platform, web):
                system_server.wait(web, site)
            compare_virtual_host_answers.check_same(web, before)
        if names := compare_virtual_host_answers.shown(before):
            say(f"    as before answer the other hosts of {web.service}: {names}")


def _own_services(
    site: Site, platform: Platform, changes: list[ServiceChange], undo: ExitStack | None
) -> None:
    """Start the new services of the site, and restart or reload the services that already existed.

    The function does not wait for services that did not answer before the apply.
    """
    verbs = {change.name: change.verb for change in changes}
    mine = [service for service in site_services(site, platform) if service.name in verbs]
    if not mine:
        return
    supervisor, begin = (
        running_supervisor(site),
        [service for service in mine if verbs[service.name] == "start"],
    )
    if undo and begin:
        undo.callback(control.stop, begin, supervisor)
    control.start(
        mine,
        supervisor,
        afresh={name for name, verb in verbs.items() if verb == "restart"},
        again={name for name, verb in verbs.items() if verb == "reload"},
        unasked={change.name for change in changes if change.state != "running"},
    )


def in_use(site: Site, platform: Platform, web: WebServer) -> bool:
    """Return whether the configuration of the machine's web server includes the site's file now.

    After a failed apply, the restored configuration may not include the site.
    """
    path = front_path(site, platform)
    return (
        path.parent == web.sites
        and path.exists()
        and (not web.links or (web.links.sites / path.name).exists())
    )
