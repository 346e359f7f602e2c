"""Take away what `make apply` brought: what the manifest lists, the last thing first. Others' work stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from ..command import run
from ..progress import say
from ..site import Site
from . import accounts, supervise
from .accounts import MACHINE
from .apply import need_root
from .platform import this_platform
from .site_services import site_services, site_supervisor
from .target import Target, hand_over


def uninstall(site: Site, *, root: Path = MACHINE) -> int:
    """Remove the site's files, accounts and empty folders, and say what stays. Idempotent. Raises Problem.

    The hub's database and the logs stay, for root alone: they are the site's memory. So does the release.
    """
    need_root("uninstall")
    target = Target(site, root)
    if target.manifest.empty:
        say(f" ok nothing of the site {site.name} is installed here")
        return 0
    if root == MACHINE:
        _stop(site)
    try:
        left = [*_files(target), *_memory(target), *_folders(target)]
        _accounts(target)
        if root == MACHINE and supervise.which_supervisor() == "systemd":
            run(["systemctl", "daemon-reload"])
    finally:
        _put_away_manifest(target)
    for line in left:
        say(f"    {line}")
    say(f" ok the site {site.name} is uninstalled" + (", but for the above" if left else ""))
    return 0


def _stop(site: Site) -> None:
    if site.supervisor == "systemd" and supervise.which_supervisor() != "systemd":
        return
    supervise.stop(site_services(site, this_platform()), site_supervisor(site))


def _files(target: Target) -> Iterator[str]:
    for path in [Path(name) for name in reversed(target.manifest.files)]:
        foreign = target.manifest.files[str(path)].foreign
        if not target.remove(path):
            yield f"left {path}: changed by hand; remove it with: rm {path}"
        elif foreign:
            yield f"left {path}: it was here before"
        target.manifest.files.pop(str(path), None)


def _memories(target: Target) -> tuple[Path, Path]:
    return target.site.paths.state, target.site.log


def _memory(target: Target) -> Iterator[str]:
    """The hub's database and the logs: closed, so that whoever gets the account's number next does not inherit them."""
    for path in _memories(target):
        real = target.on_disk(path)
        if real.is_dir() and any(real.iterdir()):
            if target.site.hub.user in target.manifest.accounts:
                hand_over(real, (0, 0))
            yield f"left {path}: {_inside(real)}; remove it with: rm -r {path}"


def _folders(target: Target) -> Iterator[str]:
    """Empty folders go. What is in /run is of this moment only, and goes as well."""
    shutil.rmtree(target.on_disk(target.site.run), ignore_errors=True)
    target.on_disk(target.manifest_path).unlink(missing_ok=True)
    for path in [Path(name) for name in reversed(target.manifest.folders)]:
        real = target.on_disk(path)
        if real.is_dir() and not any(real.iterdir()):
            real.rmdir()
        elif (
            real.is_dir()
            and path not in _memories(target)
            and not path.is_relative_to(MACHINE / "run")
            and not _holds_another(target, path)
        ):
            yield f"left {path}: {_inside(real)}"
        target.manifest.folders.remove(str(path))


def _holds_another(target: Target, path: Path) -> bool:
    """Whether a folder was left only because one below it was."""
    return any(other.is_dir() for other in target.on_disk(path).iterdir())


def _inside(real: Path) -> str:
    names = sorted(path.name for path in real.iterdir())
    return f"it holds {', '.join(names[:4])}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _accounts(target: Target) -> None:
    root, manifest = target.root, target.manifest
    for user, group in manifest.memberships:
        if user not in manifest.accounts and accounts.has_account(root, user) and accounts.is_member(root, user, group):
            accounts.remove_member(root, user, group)
    manifest.memberships.clear()
    for name in reversed(list(manifest.accounts)):
        if accounts.has_account(root, name):
            accounts.remove_account(root, name)
        manifest.accounts.remove(name)
    for name in reversed(list(manifest.groups)):
        if accounts.has_group(root, name):  # userdel may have taken it along (login.defs(5), USERGROUPS_ENAB)
            accounts.remove_group(root, name)
        manifest.groups.remove(name)


def _put_away_manifest(target: Target) -> None:
    """When something could not be removed, the manifest stays, for the next try."""
    if target.manifest.empty:
        target.on_disk(target.manifest_path).unlink(missing_ok=True)
    else:
        target.save()
