"""Implement `sudo make uninstall`: remove everything that the manifest lists, except files that
administrators have changed.

Paths are removed in the order of their depth, the deepest path first. The hub's data is kept,
except with `sudo make uninstall PURGE=1`. When a file or another object is removed, its entry in
the manifest is deleted at once. Therefore a second run can continue after a failure.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ...base.errors import BadInput
from ...base.files import write_atomic
from ...base.progress import say
from ...base.run_program import need_root
from ...contracts.database_url import database_in_words, postgresql
from ...contracts.tunnel_paths import entries
from ...site import Site
from ..apply.execute_plan import before_path
from ..apply.machine_state import path_beside
from ..apply.service_changes import web_servers_reading
from ..host.lock import hold_machine_lock
from ..host.platform import this_platform
from ..installed import unix_accounts
from ..installed.applied_site import applied, applied_path
from ..installed.change_owner import hand_over, set_folder
from ..installed.manifest import Manifest, load_manifest, manifest_path
from ..installed.read_and_restore_path import MACHINE, NOTHING, on_disk, read_entry
from ..installed.shared_between_sites import share, shared
from ..participants import account_record as participants
from ..render.services_of_site import site_services, site_supervisor
from ..supervisors import control
from ..system_sshd import control as system_sshd
from ..system_sshd.deny_groups import denied_path
from ..web.config import front_path
from .reload_web_server import without_site

Thing = TypeVar("Thing")
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class _Installed:
    """The applied site and its manifest. `shared` lists the accounts, groups, folders and links
    that other sites of the machine also use."""

    site: Site
    root: Path
    manifest: Manifest
    shared: Manifest
    purge: bool

    def on_disk(self, path: Path) -> Path:
        return on_disk(self.root, path)

    def each(
        self, known: list[Thing] | dict[Thing, Fact], but: Iterable[Path] = ()
    ) -> Iterator[Thing]:
        """Yield the entries of one list of the manifest, without the entries in `but`. The paths
        are sorted by depth, with the deepest path first.

        An entry is deleted from the manifest when the caller requests the next entry.
        """
        listed = reversed(sorted(known, key=lambda name: str(name).count("/")))
        kept = {str(path) for path in but}
        for name in [name for name in listed if str(name) not in kept]:
            yield name
            self.forget(known, name)

    def forget(self, known: list[Thing] | dict[Thing, Fact], name: Thing) -> None:
        """Delete an entry from the manifest, and write the manifest to the disk."""
        if isinstance(known, dict):
            del known[name]
        else:
            known.remove(name)
        write_atomic(self.on_disk(manifest_path(self.site)), self.manifest.text)


def uninstall(site: Site, *words: str, root: Path = MACHINE) -> int:
    """Remove the site's files, accounts and empty folders; print which files are kept. Raises
    Problem.

    After a failure, the command can be run again. The hub's database, logs and backups are kept,
    and only root can read them. With the argument `purge`, the hub's database, logs and backups are
    removed. Homes, running jobs, kernels and releases are not changed.
    """
    need_root("uninstall")
    if words not in ((), ("purge",)):
        raise BadInput(
            f"uninstall does not have the argument {' '.join(words)}",
            remedy="sudo make uninstall, or with PURGE=1",
        )
    with hold_machine_lock(root):
        there = applied(site, root)
        share(there, root)
        return _uninstall(
            _Installed(there, root, load_manifest(there, root), shared(site, root), bool(words))
        )


def _uninstall(here: _Installed) -> int:
    """Stop the services, remove files, accounts and folders, and print which files are kept."""
    site, installed, left = here.site, not here.manifest.empty, False
    can_stop = here.root == MACHINE and (
        site.supervisor != "systemd" or control.which_supervisor() == "systemd"
    )
    if installed and can_stop:
        control.stop(site_services(site, this_platform()), site_supervisor(site))
    for step in (_reached, _memories, _accounts, _folders, _record) if installed else (_record,):
        for line in step(here):
            say(f"    {line}")
            left = True
    if installed:
        say(f" ok the site {site.name} is uninstalled" + (", but for the above" if left else ""))
    else:
        say(
            f" ok nothing of the site {site.name} is installed here; what an earlier uninstall kept stays"
        )
    return 0


def memories(site: Site) -> tuple[Path, ...]:
    """Return the folders with the data that `make uninstall` keeps: the hub's database, the logs
    and the backups.
    """
    return site.paths.state, site.log, site.backups


def _reached(here: _Installed) -> Iterator[str]:
    """Remove links and files, then reload the programs (such as the web server) that have read
    them."""
    platform = this_platform(here.root)
    gone: dict[Path, str] = {}
    own = front_path(here.site, platform)
    before = read_entry(here.root, own).content or b""
    reach = [own, *map(Path, [*here.manifest.links, *here.manifest.files])]
    yield from _links(here, gone)
    for name in here.each(here.manifest.files, but=[applied_path(here.site)]):
        yield from _file(here, name)
    if here.root == MACHINE:
        for web in web_servers_reading(here.site, platform, reach):
            yield from without_site(web, gone, before, own)
        if denied_path(here.site) in reach and not denied_path(here.site).exists():
            system_sshd.test()
            if system_sshd.state(platform).word == "running":
                system_sshd.reload(platform)
        if control.which_supervisor() == "systemd":
            control.read_units()
            servers = f"{here.site.job_name}-{'[0-9a-f]' * 16}.service"
            control.forget_failed(servers)


def _links(here: _Installed, gone: dict[Path, str]) -> Iterator[str]:
    """Remove the symbolic links in the manifest; add each removed link to `gone`, with its
    target."""
    for name in here.each(here.manifest.links):
        path, entry = Path(name), read_entry(here.root, Path(name))
        if name in here.shared.links:
            continue
        if here.manifest.owns_link(path, entry):
            here.on_disk(path).unlink()
            gone[path] = entry.target
        elif entry != NOTHING:
            yield f"left {path}: changed by hand; remove it with: rm {path}"


def _file(here: _Installed, name: str) -> Iterator[str]:
    """Remove a file, unless it was changed by hand or existed before sitekit's first apply."""
    path, record, offered = Path(name), here.manifest.files[name], path_beside(Path(name))
    entry = read_entry(here.root, path)
    if record.offered is not None and read_entry(here.root, offered).sha256 == record.offered:
        here.on_disk(offered).unlink()
    if record.foreign and entry != NOTHING:
        yield f"left {path}: it existed before sitekit"
    elif not record.owns(entry):
        yield f"left {path}: changed by hand; remove it with: rm {path}"
    else:
        here.on_disk(path).unlink(missing_ok=True)


def _memories(here: _Installed) -> Iterator[str]:
    """Keep the hub's database, the logs and the backups, or remove them with PURGE=1.

    PURGE=1 removes only the contents of these folders, and only if sitekit made the folders. After
    an uninstall, only root can read the folders that are kept. If the folders kept their owner, a
    later account with the uid of the removed account could read the folders.
    """
    for path in memories(here.site):
        real = here.on_disk(path)
        if not real.is_dir() or not any(real.iterdir()):
            continue
        if here.purge and str(path) in here.manifest.folders:
            say(f" ok removed what was in {path}: {_inside(real)}")
            for thing in real.iterdir():
                shutil.rmtree(
                    thing
                ) if thing.is_dir() and not thing.is_symlink() else thing.unlink()
            continue
        if path == here.site.paths.state and here.site.hub.user in here.manifest.accounts:
            hand_over(real, (0, 0))
        yield f"left {path}: {_inside(real)}; remove it with: rm -r {path}"
    if there := postgresql(here.site):
        where = database_in_words(here.site)
        yield f"left {where}: remove it on its server, with: dropdb {there.name}"


def _accounts(here: _Installed) -> Iterator[str]:
    """Remove group memberships, accounts and groups of the site.

    Accounts are removed before folders. An account cannot be removed while one of its processes
    runs. In this case, the folders of the account must still exist.
    """
    root, others = here.root, here.shared
    go = {*here.manifest.accounts} - {
        *others.accounts
    }  # removing an account also removes its group memberships
    for user, group in here.each(here.manifest.memberships):
        stays = user in go or (user, group) in others.memberships
        if not stays and unix_accounts.is_member(root, user, group):
            unix_accounts.remove_member(root, user, group)
    for name in here.each(here.manifest.accounts):
        if name in others.accounts:
            yield f"left the account {name}: another site also uses it"
        elif unix_accounts.has_account(root, name):
            unix_accounts.remove_account(root, name)
    for prefix in participants.prefixes(here.site) if root == MACHINE else []:
        remedy = f"make accounts_remove PREFIX={prefix}"
        yield f"left the accounts {prefix}... of participants; remove them with: {remedy}"
    for name in here.each(here.manifest.groups):
        # userdel may have removed the group together with the account (login.defs(5),
        # USERGROUPS_ENAB)
        if name not in others.groups and unix_accounts.has_group(root, name):
            unix_accounts.remove_group(root, name)


def _folders(here: _Installed) -> Iterator[str]:
    """Remove the site's files in /run, the files of tunnels and the certificates from ACME, and
    then the site's folders that are empty."""
    for path in (before_path(here.site), here.site.run, here.site.front_state, entries(here.site)):
        shutil.rmtree(here.on_disk(path), ignore_errors=True)
    for name in here.each(here.manifest.folders, but=manifest_path(here.site).parents):
        path, real = Path(name), here.on_disk(Path(name))
        if real.is_dir() and not any(real.iterdir()):
            real.rmdir()
        elif real.is_dir() and not (
            path in memories(here.site) or name in here.shared.folders or _holds_another(real)
        ):
            yield f"left {path}: {_inside(real)}"
    for name in here.each(here.manifest.found):
        path, real, (mode, user, group) = (
            Path(name),
            here.on_disk(Path(name)),
            here.manifest.found[name],
        )
        if real.is_dir() and (path != here.site.paths.state or not any(real.iterdir())):
            set_folder(real, (user, group), mode)


def _holds_another(real: Path) -> bool:
    """Return whether a folder contains another folder. In this case, the uninstall prints no
    message about the outer folder."""
    return any(other.is_dir() for other in real.iterdir())


def _inside(real: Path) -> str:
    """Return a message with the names of some entries of a folder."""
    names = sorted(path.name for path in real.iterdir())
    return f"it contains {', '.join(names[:4])}" + (
        f" and {len(names) - 4} more" if len(names) > 4 else ""
    )


def _record(here: _Installed) -> Iterator[str]:
    """Remove the applied site, the manifest, and their folders if these are empty.

    The folder of the site in /etc/sitekit, and /etc/sitekit itself, are removed even if the
    manifest does not list them, because an interrupted run may have created them.
    """
    if str(applied_path(here.site)) in here.manifest.files:
        yield from _file(here, str(applied_path(here.site)))
    here.on_disk(manifest_path(here.site)).unlink(missing_ok=True)
    etc, made = here.site.etc, map(Path, here.manifest.folders)
    for path in dict.fromkeys([etc, etc.parent, *sorted({*made} & {*etc.parents}, reverse=True)]):
        real = here.on_disk(path)
        if real.is_dir() and not any(real.iterdir()):
            real.rmdir()
