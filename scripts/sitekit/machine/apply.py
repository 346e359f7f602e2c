"""Bring the machine to what the site says: accounts, folders, secrets, files; recorded, and nobody's work lost."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ..command import run
from ..errors import BadInput, BadInputs, Problem
from ..progress import say
from ..site import Site
from . import accounts, supervise
from .accounts import MACHINE
from .file import File
from .front import certificate, front_path
from .generated import generated
from .platform import Platform, this_platform
from .render import folders, render
from .site_services import site_services, site_supervisor
from .target import Outcome, Target, beside


def apply(site: Site, *, root: Path = MACHINE) -> int:
    """Write all that the site says onto the machine whose file tree is `root`, and restart what changed and runs.

    Idempotent. Returns 0, or 1 when new content lies beside a file that was changed by hand. Raises Problem.
    """
    need_root("apply")
    platform = this_platform(root)
    check_groups(site, root)
    check_state(site, root)
    files = render(site, platform)
    check_sudoers(site, platform, files)
    target = Target(site, root)
    outcomes = bring(target, platform, files)
    offered = list(_told(outcomes))
    if root == MACHINE:
        _restart(site, platform, target.changed)
        if site.front.instance == "system" and front_path(site, platform) in target.changed:
            say(f"    now take it into use: {platform.apache.enable.format(site=f'sitekit-{site.name}')}")
    return 1 if offered else 0


def need_root(command: str) -> None:
    """Raises Problem for anybody else."""
    if os.geteuid() != 0:
        raise Problem("this changes the machine, and needs root", remedy=f"sudo make {command}")


def check_groups(site: Site, root: Path) -> None:
    """Every group that the site lets in has to be there. Raises BadInputs.

    JupyterHub answers every login with an error when an admin group is missing (PAMAuthenticator.is_admin, 6.1).
    """
    missing = [
        BadInput(f"there is no group {group} on this machine", f"login.{key}", "make the group first, or mend its name")
        for key, groups in (("allowed_groups", site.login.allowed_groups), ("admin_groups", site.login.admin_groups))
        for group in groups
        if not accounts.has_group(root, group)
    ]
    if missing:
        raise BadInputs(missing)


def check_state(site: Site, root: Path) -> None:
    """A folder that holds somebody else's things does not become the hub's. Raises BadInput.

    Root's own, closed to all others, is one that `make uninstall` left, or that was put back from a backup.
    """
    real = root / site.paths.state.relative_to("/")
    if not real.is_dir() or not any(real.iterdir()):
        return
    status = real.stat()
    hub = accounts.numbers(root, site.hub.user, None)[0] if accounts.has_account(root, site.hub.user) else None
    if status.st_uid != hub and (status.st_uid, stat.S_IMODE(status.st_mode)) != (0, 0o700):
        what = f"{site.paths.state} is not empty, and not {site.hub.user}'s: the hub's state would take it over"
        raise BadInput(what, "paths.state", "name a folder of the hub's own, such as /var/lib/sitekit")


def check_sudoers(site: Site, platform: Platform, files: dict[Path, File]) -> None:
    """Let visudo read the rule first: one bad file in its folder, and sudo serves nobody. Raises CommandFailed."""
    with tempfile.NamedTemporaryFile("w", prefix="sitekit-sudoers-") as staged:
        staged.write(files[platform.sudoers / f"sitekit-{site.name}"].content)
        staged.flush()
        run(["visudo", "-c", "-q", "-f", staged.name])


def bring(target: Target, platform: Platform, files: dict[Path, File]) -> dict[Path, Outcome]:
    """Do it, and say what became of each file. Whatever happens, the manifest holds what was done until then."""
    wanted = folders(target.site, platform)
    outcomes: dict[Path, Outcome] = {}
    try:
        for path, folder in wanted.items():
            if folder.owner == "root":
                target.ensure_folder(path, folder)
        _accounts(target, platform)
        for path, folder in wanted.items():
            if folder.owner != "root":
                target.ensure_folder(path, folder)
        made = generated(target)
        target.intend(made | files)
        for path, file in (made | files).items():
            outcomes[path] = target.place(path, file, generated=path in made)
        outcomes |= _retire(target, set(outcomes))
    finally:
        target.save()
    return outcomes


def changed_services(site: Site, platform: Platform, changed: Collection[Path]) -> set[str]:
    """The names of the services that read any of the paths in `changed` at their start."""
    reads = {
        "hub": [site.etc / name for name in ("site.yml", "jupyterhub_config.py", "culler_config.py", "proxy.env")],
        "proxy": [site.etc / "proxy.env"],
        "front": [front_path(site, platform), *certificate(site)],
    }
    reads["hub"] += [path for path in changed if path.parent == site.etc / "local.d" or path.suffix == ".timer"]
    names = {site.service(part) for part, paths in reads.items() if not set(paths).isdisjoint(changed)}
    units = {path.stem for path in changed if path.suffix == ".service"}
    return (names | units) & {service.name for service in site_services(site, platform)}


def _accounts(target: Target, platform: Platform) -> None:
    """The services' accounts, and the groups without which the hub cannot do its work."""
    site, root, manifest = target.site, target.root, target.manifest
    for name, home in ((site.proxy.user, Path("/nonexistent")), (site.hub.user, site.paths.state)):
        if not accounts.has_account(root, name):
            if not accounts.has_group(root, name):
                manifest.groups.append(name)
                target.save()
                accounts.make_group(root, name)
            manifest.accounts.append(name)
            target.save()
            accounts.make_account(root, name, home, platform.nologin)
            say(f" ok account {name}: made, without a login")
    groups = {accounts.group_name(root, site.proxy.user): "to read proxy.env"}
    if platform.shadow_group and accounts.has_group(root, platform.shadow_group):
        groups[platform.shadow_group] = "so that PAM's pam_unix can check other people's passwords for it"
    for group, why in groups.items():
        if not accounts.is_member(root, site.hub.user, group):
            manifest.memberships.append((site.hub.user, group))
            target.save()
            accounts.add_member(root, site.hub.user, group)
            say(f" ok account {site.hub.user}: member of {group}, {why}")


def _retire(target: Target, wanted: set[Path]) -> dict[Path, Outcome]:
    """Take away what an earlier apply wrote and the site no longer asks for."""
    outcomes: dict[Path, Outcome] = {}
    for name, record in list(target.manifest.files.items()):
        path = Path(name)
        if path in wanted or record.generated or record.foreign:
            continue
        if target.remove(path):
            target.changed.append(path)
            say(f" ok removed {path}: the site does not ask for it any more")
        else:
            outcomes[path] = "kept"
    return outcomes


def _told(outcomes: dict[Path, Outcome]) -> Iterator[Path]:
    """Say what became of the files; yield those beside which new content lies."""
    for path, outcome in outcomes.items():
        if outcome == "written":
            say(f" ok wrote {path}")
        elif outcome == "kept":
            say(f"    kept {path}: changed by hand, and there is nothing new for it")
        elif outcome == "offered":
            new = beside(path)
            say(f" !! kept {path}: it was changed by hand, or is not sitekit's. What the site says lies in {new}")
            say(f"    -> merge the two and remove {new.name}; or move it over the old one, and sitekit looks after it")
            yield path
    if unchanged := sum(outcome == "unchanged" for outcome in outcomes.values()):
        say(f" ok {unchanged} of {len(outcomes)} files were as they should be")


def _restart(site: Site, platform: Platform, changed: Collection[Path]) -> None:
    """Restart what changed, where it runs; what is stopped stays so."""
    if site.supervisor == "systemd" and supervise.which_supervisor() != "systemd":
        return
    supervisor, services = site_supervisor(site), site_services(site, platform)
    running = [service for service in services if supervisor.state(service).word != "stopped"]
    afresh = changed_services(site, platform, changed) & {service.name for service in running}
    if running and (afresh or site.etc / "supervisord.conf" in changed):
        supervise.start(running, supervisor, afresh=afresh)
