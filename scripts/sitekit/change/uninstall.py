"""Take away what `make apply` brought: what the manifest lists, the last thing first. Others' work stays.

What users and the hub made is the site's memory, and goes only when it is asked for: `sudo make uninstall PURGE=1`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..command import need_root
from ..errors import BadInput
from ..files import write_atomic
from ..machine import supervise
from ..machine.lock import alone
from ..machine.platform import this_platform
from ..machine.site_services import site_services, site_supervisor
from ..progress import say
from ..site import Site
from . import accounts
from .affected import web_servers
from .execute import before_path
from .hands import hand_over, set_folder
from .manifest import Manifest, load_manifest, manifest_path
from .seen import beside
from .tree import MACHINE, NOTHING, look, on_disk
from .without import without_site


@dataclass(frozen=True)
class _Installed:
    """One site on one machine; the manifest shrinks as things go."""

    site: Site
    root: Path
    manifest: Manifest

    def on_disk(self, path: Path) -> Path:
        return on_disk(self.root, path)


def uninstall(site: Site, *words: str, root: Path = MACHINE) -> int:
    """Remove the site's files, accounts and empty folders, and say what stays. Idempotent. Raises Problem.

    The hub's database, the logs and the backups stay, for root alone, unless the word `purge` is said. Homes, jobs that
    run, kernels and the release are not touched at all.
    """
    need_root("uninstall")
    if words not in ((), ("purge",)):
        raise BadInput(f"uninstall does not know {' '.join(words)}", remedy="sudo make uninstall, or with PURGE=1")
    with alone(root):
        return _uninstall(_Installed(site, root, load_manifest(site, root)), bool(words))


def _uninstall(here: _Installed, purge: bool) -> int:
    site, root = here.site, here.root
    if here.manifest.empty:
        say(f" ok nothing of the site {site.name} is installed here")
    elif root == MACHINE and (site.supervisor != "systemd" or supervise.which_supervisor() == "systemd"):
        supervise.stop(site_services(site, this_platform()), site_supervisor(site))
    if purge:
        _forget(here)
    if here.manifest.empty:
        return 0
    try:
        webs = web_servers(site, this_platform(root), [*map(Path, [*here.manifest.links, *here.manifest.files])])
        gone: dict[Path, str] = {}
        left = [*_links(here, gone), *_files(here)]
        if root == MACHINE:
            left += [line for web in webs for line in without_site(web, gone)]
        left += [*_memory(here), *_folders(here)]
        _accounts(here)
        if root == MACHINE and supervise.which_supervisor() == "systemd":
            supervise.read_units()
    finally:
        _put_away_manifest(here)
    for line in left:
        say(f"    {line}")
    say(f" ok the site {site.name} is uninstalled" + (", but for the above" if left else ""))
    return 0


def memories(site: Site) -> tuple[Path, ...]:
    """The hub's database, the logs, the backups."""
    return site.paths.state, site.log, site.backups


def _forget(here: _Installed) -> None:
    """What lies in the site's memories. The folders themselves go with the others, if the manifest has them."""
    for path in memories(here.site):
        real = here.on_disk(path)
        if real.is_dir() and any(real.iterdir()):
            say(f" ok removed what was in {path}: {_inside(real)}")
            for thing in real.iterdir():
                shutil.rmtree(thing) if thing.is_dir() and not thing.is_symlink() else thing.unlink()


def _links(here: _Installed, gone: dict[Path, str]) -> Iterator[str]:
    """What is removed is added to `gone`, with where it led."""
    for path in reversed([*map(Path, here.manifest.links)]):
        entry = look(here.root, path)
        if here.manifest.owns_link(path, entry):
            here.on_disk(path).unlink()
            gone[path] = entry.target
        elif entry != NOTHING:
            yield f"left {path}: changed by hand; remove it with: rm {path}"
        del here.manifest.links[str(path)]


def _files(here: _Installed) -> Iterator[str]:
    for name, record in reversed(list(here.manifest.files.items())):
        path, offered = Path(name), beside(Path(name))
        entry = look(here.root, path)
        if record.offered is not None and look(here.root, offered).sha256 == record.offered:
            here.on_disk(offered).unlink()
        if record.foreign and entry != NOTHING:
            yield f"left {path}: it was here before"
        elif not record.owns(entry):
            yield f"left {path}: changed by hand; remove it with: rm {path}"
        else:
            here.on_disk(path).unlink(missing_ok=True)
        del here.manifest.files[name]
    shutil.rmtree(here.on_disk(before_path(here.site)), ignore_errors=True)


def _memory(here: _Installed) -> Iterator[str]:
    """Closed, so that whoever gets the account's number next does not inherit it."""
    for path in memories(here.site):
        real = here.on_disk(path)
        if real.is_dir() and any(real.iterdir()):
            if path == here.site.paths.state and here.site.hub.user in here.manifest.accounts:
                hand_over(real, (0, 0))
            yield f"left {path}: {_inside(real)}; remove it with: rm -r {path}"


def _folders(here: _Installed) -> Iterator[str]:
    """Empty folders go. What is in /run is of this moment only, certificates can be asked for again: they go too."""
    shutil.rmtree(here.on_disk(here.site.run), ignore_errors=True)
    shutil.rmtree(here.on_disk(here.site.front_state), ignore_errors=True)
    here.on_disk(manifest_path(here.site)).unlink(missing_ok=True)
    for path in [Path(name) for name in reversed(here.manifest.folders)]:
        real = here.on_disk(path)
        if real.is_dir() and not any(real.iterdir()):
            real.rmdir()
        elif real.is_dir() and path not in memories(here.site) and not _holds_another(real):
            yield f"left {path}: {_inside(real)}"
        here.manifest.folders.remove(str(path))
    for path, (mode, *owner) in [(Path(name), before) for name, before in here.manifest.found.items()]:
        real = here.on_disk(path)
        if real.is_dir() and (path != here.site.paths.state or not any(real.iterdir())):
            set_folder(real, owner, mode)
        del here.manifest.found[str(path)]


def _holds_another(real: Path) -> bool:
    """Whether a folder was left only because one below it was."""
    return any(other.is_dir() for other in real.iterdir())


def _inside(real: Path) -> str:
    names = sorted(path.name for path in real.iterdir())
    return f"it holds {', '.join(names[:4])}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _accounts(here: _Installed) -> None:
    root, manifest = here.root, here.manifest
    for user, group in manifest.memberships:
        if user not in manifest.accounts and accounts.is_member(root, user, group):
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


def _put_away_manifest(here: _Installed) -> None:
    """When something could not be removed, the manifest stays, for the next try."""
    path = here.on_disk(manifest_path(here.site))
    if here.manifest.empty:
        path.unlink(missing_ok=True)
    elif path.parent.is_dir():
        write_atomic(path, here.manifest.text)
