"""`make diff` and `sudo make apply`: one plan, shown or executed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from ..command import need_root
from ..errors import BadInput, BadInputs, Problem, as_problem
from ..machine import supervise, webserver
from ..machine.brought import check_brought
from ..machine.file import File
from ..machine.front import front_path, server
from ..machine.generated import generated, made_here
from ..machine.links import check_installed, links
from ..machine.lock import alone
from ..machine.platform import Platform, WebServer, this_platform
from ..machine.render import render
from ..machine.site_services import running_supervisor, site_services
from ..machine.target import Target
from ..progress import say, step
from ..site import Site
from . import accounts
from .affected import ServiceChange, runs, web_servers
from .applied import applied, check_follows
from .check import check
from .execute import execute
from .manifest import load_manifest
from .passwords import check_module, who_stays_out
from .plan import Plan, plan
from .seen import Seen, see
from .show import as_diff, done
from .tree import MACHINE, NOTHING, on_disk


def diff(site: Site, *, root: Path = MACHINE) -> int:
    """Show what `sudo make apply` would bring; needs no root. Returns 0 for nothing, 1 for changes. Raises BadInput."""
    try:
        fit(site, root)
        found = planned(site, this_platform(root), root)
    except (Problem, OSError) as trouble:
        problem = as_problem(trouble)
        raise BadInput(problem.what, problem.where, problem.remedy) from trouble
    for line in as_diff(found):
        say(line)
    return 1 if found.changes or found.offers else 0


def apply(site: Site, *, root: Path = MACHINE) -> int:
    """Bring the machine whose file tree is `root` to what the site says, or leave it as it was.

    Idempotent. Returns 0, or 1 when new content lies beside a file that was changed by hand. Raises Problem.
    """
    need_root("apply")
    platform = this_platform(root)
    with alone(root):
        fit(site, root)
        found = planned(site, platform, root)
        if found.changed:
            with step("Checking what will be written", total=len(found.changed)):
                check(Target(site, root), platform, found.files, found.changed.keys())
        execute(found, site, root, partial(settle, found, site, platform, root))
    for line in done(found):
        say(line)
    return 1 if found.offers else 0


def planned(site: Site, platform: Platform, root: Path, made_up: dict[Path, File] | None = None) -> Plan:
    """Look at the machine, and plan. `made_up` takes the place of what stands there, or would be made."""
    files, before = render(site, platform), load_manifest(applied(site, root), root)
    own: dict[Path, File] = {}
    with suppress(PermissionError):  # whoever may not read them cannot change them either
        own |= generated(Target(site, root))
    own |= made_up or {}
    wanted = links(Target(site, root), platform)
    seen = see(site, platform, [*own, *files, *wanted], before, root)
    found = plan(site, platform, files, own, wanted, seen, before)
    found.notes += _by_hand(found, site, platform, seen)
    unread = sorted(path for path in made_here(site) - own.keys() if str(path) in before.files)
    found.notes += who_stays_out(site, platform, root)
    found.notes += [f"{path}: you may not read it; it is kept as long as it serves" for path in unread]
    if any(change.verb == "start" for change in found.services):
        running_supervisor(site)  # that can start them
    return found


def _by_hand(found: Plan, site: Site, platform: Platform, seen: Seen) -> Iterator[str]:
    """What is left to the administrator, where the site comes into the machine's own web server."""
    web, there = server(site, platform), found.changed.get(front_path(site, platform))
    if site.front.instance == "system" and there:
        if not runs(seen.services, web):
            yield f"{web.service} does not run, and sitekit does not start it: systemctl enable --now {web.service}"
        if web.by_hand and there == NOTHING:
            yield f"once, by hand, so that it may reach the hub: {web.by_hand}"


def settle(found: Plan, site: Site, platform: Platform, root: Path, undo: ExitStack | None) -> None:
    """Have the services take in what changed, and wait until all that answered answer again. Raises Problem.

    Those that begin here stop by `undo`. None: all is put back, and the services as they were before take that in.
    """
    if root != MACHINE:
        return
    site, changes = (site, found.services) if undo else (found.applied, found.back)
    units = any(path.is_relative_to("/etc/systemd/system") for path in found.changed)
    if units and supervise.which_supervisor() == "systemd":
        supervise.read_units()
    verbs = {change.name: change.verb for change in changes}
    webs = [web for web in web_servers(site, platform, found.changed) if web.service in verbs]
    # A web server that the site has left gives its ports to the site's own, and gets theirs where the site comes to it.
    _web_servers([web for web in webs if not in_use(site, platform, web)], verbs, site, platform)
    _own_services(site, platform, changes, undo)
    _web_servers([web for web in webs if in_use(site, platform, web)], verbs, site, platform)


def _web_servers(webs: list[WebServer], verbs: dict[str, str], site: Site, platform: Platform) -> None:
    for web in webs:
        with step(f"{verbs[web.service].capitalize()}ing {web.service}, the machine's own web server"):
            webserver.take_in(web, verbs[web.service])
            if in_use(site, platform, web):
                webserver.wait(web, site)


def _own_services(site: Site, platform: Platform, changes: list[ServiceChange], undo: ExitStack | None) -> None:
    """Start what begins, restart and reload the others. What did not answer before need not answer now."""
    verbs = {change.name: change.verb for change in changes}
    mine = [service for service in site_services(site, platform) if service.name in verbs]
    if not mine:
        return
    supervisor, begin = running_supervisor(site), [service for service in mine if verbs[service.name] == "start"]
    if undo and begin:
        undo.callback(supervise.stop, begin, supervisor)
    supervise.start(
        mine,
        supervisor,
        afresh={name for name, verb in verbs.items() if verb == "restart"},
        again={name for name, verb in verbs.items() if verb == "reload"},
        unasked={change.name for change in changes if change.state != "running"},
    )


def in_use(site: Site, platform: Platform, web: WebServer) -> bool:
    """Whether the site is a part of this web server just now: after a failure it may have ceased to be."""
    path = front_path(site, platform)
    return path.parent == web.sites and path.exists() and (not web.links or (web.links.sites / path.name).exists())


def fit(site: Site, root: Path) -> None:
    """Whether the site can live on this machine at all. Raises BadInputs, BadInput."""
    _groups_are_there(site, root)
    check_follows(site, root)
    _group_is_the_proxys(site, root)
    _nobody_else_puts_folders_there(site, root)
    platform = this_platform(root)
    check_module(site, platform, root)
    check_installed(Target(site, root), platform)
    with suppress(PermissionError):  # root will look
        _state_is_the_hubs(site, root)
        check_brought(Target(site, root))


def _groups_are_there(site: Site, root: Path) -> None:
    """JupyterHub answers every login with an error when an admin group is missing (PAMAuthenticator.is_admin, 6.1)."""
    missing = [
        BadInput(f"there is no group {group} on this machine", f"login.{key}", "make the group first, or mend its name")
        for key, groups in (("allowed_groups", site.login.allowed_groups), ("admin_groups", site.login.admin_groups))
        for group in groups
        if not accounts.has_group(root, group)
    ]
    if missing:
        raise BadInputs(missing)


def _nobody_else_puts_folders_there(site: Site, root: Path) -> None:
    """Root changes the owners of these folders by their paths: nobody else may lead those to another place."""
    for key, folder in (("paths.state", site.paths.state), ("backup.folder", site.backups)):
        for above in folder.parents:
            if not (real := on_disk(root, above)).is_dir():
                continue
            status = real.stat()
            # In a folder like /tmp what is root's stays in its place, but not what is the hub's.
            sticky = status.st_mode & stat.S_ISVTX and above != folder.parent
            if status.st_uid or (status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky):
                what = f"others than root can write to {above}, and put something else in the place of {folder}"
                remedy = f"name a folder below root's own ones only, or: chown root {above}; chmod go-w {above}"
                raise BadInput(what, key, remedy)


def _group_is_the_proxys(site: Site, root: Path) -> None:
    """Whoever is in it reads proxy.env, and could send everybody's browser elsewhere."""
    if not accounts.has_account(root, site.proxy.user):
        return
    group = accounts.group_name(root, site.proxy.user)
    before = applied(site, root).hub.user  # leaves it with this apply
    others = accounts.members(root, group) - {site.proxy.user, site.hub.user, before}
    if others:
        what = f"{site.proxy.user}'s own group, {group}, is also that of {', '.join(sorted(others)[:3])}"
        remedy = f"they could read the proxy's secret; groupadd --system NAME; usermod --gid NAME {site.proxy.user}"
        raise BadInput(what, "proxy.user", remedy)


def _state_is_the_hubs(site: Site, root: Path) -> None:
    """A folder that holds somebody else's things does not become the hub's.

    Root's own, closed to all others, is one that `make uninstall` left, or that was put back from a backup.
    """
    real = root / site.paths.state.relative_to("/")
    if not real.is_dir():
        return
    status = real.stat()
    hub = accounts.numbers(root, site.hub.user)[0] if accounts.has_account(root, site.hub.user) else None
    if status.st_uid == hub or (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o700):
        return
    if any(real.iterdir()):
        what = f"{site.paths.state} is not empty, and not {site.hub.user}'s: the hub's state would take it over"
        raise BadInput(what, "paths.state", "name a folder of the hub's own, such as /var/lib/sitekit")
