"""Check the preconditions of `make apply`: groups, folders, owners and secrets on this machine."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from ...base.errors import BadInput, BadInputs
from ...base.permissions_along_path import Step, steps_of_path
from ...site import Site
from ..host.platform import this_platform
from ..host.target import Target
from ..installed import unix_accounts
from ..installed.applied_site import applied, check_follows, other_sites
from ..installed.read_and_restore_path import on_disk
from ..system_sshd.deny_groups import PROGRAM as SSHD
from ..system_sshd.deny_groups import check_included
from ..web.apache_links import check_installed
from ..web.check_provided_files import check_brought
from .account_mapping import check_accounts
from .password_verification import check_module
from .postgresql_and_database_change import check_database
from .secret_file_modes import check_secrecy
from .ssh_lockout import check_nobody_locked_out

LOGO_SUFFIXES = (".svg", ".png", ".jpg", ".jpeg")


def require_preconditions(site: Site, root: Path) -> None:
    """Raise BadInputs, with all reasons, if the site cannot run on this machine."""
    if found := unmet_preconditions(site, root):
        raise BadInputs(found)


def preconditions(site: Site, root: Path) -> dict[str, Callable[[], None]]:
    """Return the checks of the preconditions: id -> check. `make doctor` runs each check under the
    same id."""
    platform, target = this_platform(root), Target(site, root)
    return {
        "accounts.groups": lambda: check_groups(site, root),
        "site.ports-and-folders-apart": lambda: check_follows(site, root),
        "accounts.proxy-group": lambda: check_proxys_group(site, root),
        "site.places": lambda: check_places(site, root),
        "site.logo": lambda: check_files_of_pages(site, root),
        "login.passwords": lambda: check_module(site, platform, root),
        "site.mapped-accounts": lambda: check_accounts(site, root),
        "accounts.prometheus": lambda: check_prometheus(site, root),
        "front.installed": lambda: check_installed(target, platform),
        "state.owner": lambda: check_state_owner(site, root),
        "ssh.tunnel-sshd": lambda: check_sshd(site, root),
        "login.sshd-reads": lambda: check_included(target),
        "login.ssh-lockout": lambda: check_nobody_locked_out(site, root),
        "front.brought": lambda: check_brought(target),
        "state.database": lambda: check_database(target),
        "security.given-secrets": lambda: check_secrecy(target),
    }


def unmet_preconditions(site: Site, root: Path) -> list[BadInput]:
    """Return the preconditions that the machine does not meet.

    If one check fails, all other checks still run.
    """
    found: list[BadInput] = []
    for ask in preconditions(site, root).values():
        try:
            ask()
        except BadInputs as several:
            found += several.problems
        except BadInput as one:
            found.append(one)
        except PermissionError:
            continue  # only root can check this; `sudo make apply` does
    return found


def check_groups(site: Site, root: Path) -> None:
    """Refuse the site if a group that its section `login` names does not exist.

    If an admin group is missing, JupyterHub answers every login with an error
    (PAMAuthenticator.is_admin, 6.1). sshd does not report a misspelt group name. If users log in at
    an identity provider, and Slurm is behind a login node, only the login node needs the users'
    groups.
    """
    local = (("deny_ssh", site.login.deny_ssh),)
    of_users = (
        ("allowed_groups", site.login.allowed_groups),
        ("admin_groups", site.login.admin_groups),
    )
    missing = [
        BadInput(
            f"there is no group {group} on this machine",
            f"login.{key}",
            "create the group first, or correct its name",
        )
        for key, groups in (
            local if site.slurm.ssh and site.login.method != "pam" else (*of_users, *local)
        )
        for group in groups
        if not unix_accounts.has_group(root, group)
    ]
    if missing:
        raise BadInputs(missing)


def check_sshd(site: Site, root: Path) -> None:
    """Refuse a site with SSH tunnels if sshd is not installed on this machine. Raises BadInput."""
    if site.tunnel and not on_disk(root, SSHD).exists():
        remedy = "install the package openssh-server; its own service need not run"
        raise BadInput(f"there is no {SSHD} on this machine", "slurm.ssh.tunnel", remedy)


def check_prometheus(site: Site, root: Path) -> None:
    """Refuse an account of Prometheus that does not exist, or whose group has other members.

    Raises BadInput.
    """
    name, where = site.monitoring.prometheus_user, "monitoring.prometheus_user"
    if name is None:
        return
    if not unix_accounts.has_account(root, name):
        what = f"there is no account {name} on this machine"
        raise BadInput(what, where, "install Prometheus first, or remove the key")
    group = unix_accounts.group_name(root, name)
    if others := unix_accounts.members(root, group) - {name}:
        what = f"{', '.join(sorted(others)[:3])} is in {name}'s group {group} and could read the metrics' token"
        raise BadInput(
            what, where, f"give Prometheus a group of its own: usermod --gid NAME {name}"
        )


def check_places(site: Site, root: Path) -> None:
    """Refuse folders and programs of the site that accounts other than root and their owner can
    replace. Raises BadInput.

    sitekit, as root, changes the owners of the state folder and of the backup folder. Services that
    run as root, and the gate, run programs from the prefix and Slurm's programs. Slurm's
    configuration is checked too, because it names plugins that Slurm's programs load.
    """
    for key, folder in (("paths.state", site.paths.state), ("backup.folder", site.backups)):
        _check_way(key, folder.parent, folder, root, {0})
    for key, path in (
        ("paths.prefix", site.paths.prefix),
        ("slurm.bin", site.slurm.bin),
        ("slurm.conf", site.slurm.conf),
    ):
        if path and (steps := _steps(path, root)) and steps[-1].last:
            _check_way(key, path, path, root, {0, steps[-1].status.st_uid})


def check_files_of_pages(site: Site, root: Path) -> None:
    """Refuse a logo or a translation file that the hub cannot read, or that accounts other than
    root can replace. Raises BadInputs.

    An SVG file and a translation may contain scripts. A browser runs scripts in such files with the
    rights of the hub's pages.
    """
    files = (
        ("pages.logo", site.pages.logo, LOGO_SUFFIXES, "an image"),
        ("pages.catalogue", site.pages.catalogue, (".po",), "a gettext catalogue"),
    )
    found: list[BadInput] = []
    for key, path, suffixes, kind in files:
        try:
            if path and path.suffix.lower() not in suffixes:
                remedy = f"name a file {', '.join(suffixes)}"
                raise BadInput(f"{path} is not {kind}", key, remedy)
            if path:
                _check_hub_reads(key, path, root)
        except BadInput as one:
            found.append(one)
    if found:
        raise BadInputs(found)


def _check_hub_reads(key: str, path: Path, root: Path) -> None:
    """Raise BadInput if the hub's account cannot read a file, or if an account other than root can
    replace the file."""
    steps = _steps(path, root)
    if steps and not steps[-1].last:
        raise BadInput(f"{path} is not there", key, "put it there, or correct the path")
    _check_way(key, path, path, root, {0})
    for step in steps:
        need = stat.S_IROTH if step.last else stat.S_IXOTH
        if not (step.link or step.status.st_mode & need):
            remedy = f"chmod o+{'r' if step.last else 'x'} {step.path}"
            raise BadInput(f"the hub cannot read {path}", key, remedy)


def _check_way(key: str, path: Path, named: Path, root: Path, owners: set[int]) -> None:
    """Raise BadInput if an account other than `owners` can replace the folder or program `path`."""
    for step in _steps(path, root):
        if step.status.st_uid not in owners or step.everybody_writes or step.group_writes:
            who = "root" if owners == {0} else "root and its owner"
            what = f"other accounts than {who} can write to {step.path}, and so replace {named}"
            remedy = f"name a folder whose parents belong to root, or: chown root {step.path}; chmod go-w {step.path}"
            raise BadInput(what, key, remedy)


def _steps(path: Path, root: Path) -> list[Step]:
    """Return the folders and symbolic links of a path; an empty list if this account cannot read
    one of the folders.

    `sudo make apply` runs as root, and can therefore check all folders.
    """
    try:
        return steps_of_path(path, root)
    except PermissionError:
        return []


def check_proxys_group(site: Site, root: Path) -> None:
    """Refuse the site if accounts other than those of the proxy and the hub are members of the
    proxy's group.

    A member of this group can read the secret in proxy.env. With the secret in proxy.env, an
    account could redirect every user's browser.
    """
    if not unix_accounts.has_account(root, site.proxy.user):
        return
    group = unix_accounts.group_name(root, site.proxy.user)
    before = applied(site, root).hub.user  # `make apply` removes this account from the group
    strangers = unix_accounts.members(root, group) - {site.proxy.user, site.hub.user, before}
    hubs = {other.hub.user for other in other_sites(site, root)}
    if strangers:
        what = f"{site.proxy.user}'s own group, {group}, is also that of {', '.join(sorted(strangers)[:3])}"
        mend = f"groupadd --system NAME; usermod --gid NAME {site.proxy.user}"
        if strangers <= hubs:
            mend = "give this site a proxy.user of its own, as another site's hub is in that group"
        raise BadInput(what, "proxy.user", f"they could read the proxy's secret; {mend}")


def check_state_owner(site: Site, root: Path) -> None:
    """Refuse a state folder that contains files of another account.

    A state folder with the owner root and mode 0700 is accepted, because `make uninstall` and `make
    restore` leave the folder with this owner and mode.
    """
    real = root / site.paths.state.relative_to("/")
    if not real.is_dir():
        return
    status = real.stat()
    hub = (
        unix_accounts.numbers(root, site.hub.user)[0]
        if unix_accounts.has_account(root, site.hub.user)
        else None
    )
    if status.st_uid == hub or (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o700):
        return
    if any(real.iterdir()):
        what = f"{site.paths.state} is not empty, and does not belong to {site.hub.user}"
        raise BadInput(
            what, "paths.state", "name a folder of the hub's own, such as /var/lib/sitekit"
        )
