"""`make diff` and `sudo make apply`: one plan, shown or executed."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from ..command import need_root
from ..errors import BadInput, BadInputs, Problem
from ..machine import supervise
from ..machine.brought import check_brought
from ..machine.file import File
from ..machine.front import enable, front_path
from ..machine.generated import generated
from ..machine.platform import Platform, this_platform
from ..machine.render import render
from ..machine.site_services import site_services, site_supervisor
from ..machine.target import Target
from ..progress import say, step
from ..site import Site
from . import accounts
from .check import check
from .execute import alone, execute
from .manifest import load_manifest
from .plan import Plan, plan
from .seen import see
from .show import as_diff, done
from .tree import MACHINE


def diff(site: Site, *, root: Path = MACHINE) -> int:
    """Show what `sudo make apply` would bring; needs no root. Returns 0 for nothing, 1 for changes. Raises BadInput."""
    try:
        fit(site, root)
        found = planned(site, this_platform(root), root)
    except Problem as trouble:
        raise BadInput(trouble.what, trouble.where, trouble.remedy) from trouble
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
                check(site, platform, found.files, found.changed, root)
        execute(found, site, root, lambda: settle(found, site, platform, root))
    for line in done(found):
        say(line)
    return 1 if found.offers else 0


def planned(site: Site, platform: Platform, root: Path, made_up: dict[Path, File] | None = None) -> Plan:
    """Look at the machine, and plan. `made_up` takes the place of what stands there, or would be made."""
    files, before = render(site, platform), load_manifest(site, root)
    own: dict[Path, File] = {}
    with suppress(PermissionError):  # whoever may not read them cannot change them either
        own |= generated(Target(site, root))
    own |= made_up or {}
    found = plan(site, platform, files, own, see(site, platform, [*own, *files], before, root), before)
    if site.front.instance == "system" and front_path(site, platform) in found.changed:
        command = enable(site, platform)
        found.notes.append(f"the web server is the machine's own, and yours to reload afterwards: {command}")
    unread = {name for name, record in before.files.items() if record.generated} - {str(path) for path in own}
    found.notes += [f"{name}: you may not read it; it is kept as long as it serves" for name in sorted(unread)]
    return found


def settle(found: Plan, site: Site, platform: Platform, root: Path) -> None:
    """Have the services take in what changed, and wait until all that ran answer again. Raises Problem."""
    if root != MACHINE:
        return
    units = any(path.is_relative_to("/etc/systemd/system") for path in found.changed)
    if units and supervise.which_supervisor() == "systemd":
        supervise.read_units()
    if found.services:
        supervisor = site_supervisor(site)
        running = [s for s in site_services(site, platform) if supervisor.state(s).word != "stopped"]
        named = {verb: {s.name for s in found.services if s.verb == verb} for verb in ("restart", "reload")}
        supervise.start(running, supervisor, afresh=named["restart"], again=named["reload"])


def fit(site: Site, root: Path) -> None:
    """Whether the site can live on this machine at all. Raises BadInputs, BadInput."""
    _groups_are_there(site, root)
    _state_is_the_hubs(site, root)
    with suppress(PermissionError):  # root will look
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
