"""Whether a site can live on a machine at all: looked at before anything is planned."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, BadInputs
from ..fronts.brought import check_brought
from ..fronts.links import check_installed
from ..host.platform import this_platform
from ..host.target import Target
from ..site import Site
from ..standing import accounts
from ..standing.applied import applied, check_follows, others
from ..standing.tree import on_disk
from .passwords import check_module


def fit(site: Site, root: Path) -> None:
    """Whether the site can live on this machine at all. Raises BadInputs, BadInput."""
    _groups_are_there(site, root)
    check_follows(site, root)
    _group_is_the_proxys(site, root)
    check_places(site, root)
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


def check_places(site: Site, root: Path) -> None:
    """Root changes the owners of these folders by their paths: nobody else may lead those to another place.

    Raises BadInput.
    """
    for key, folder in (("paths.state", site.paths.state), ("backup.folder", site.backups)):
        for above in _way(root, folder.parent):
            real, status = on_disk(root, above), on_disk(root, above).stat()
            # In a folder like /tmp what is root's stays in its place, but not what is the hub's.
            sticky = status.st_mode & stat.S_ISVTX and above != folder.parent
            if status.st_uid or real.lstat().st_uid or (status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky):
                what = f"others than root can write to {above}, and put something else in the place of {folder}"
                remedy = f"name a folder below root's own ones only, or: chown root {above}; chmod go-w {above}"
                raise BadInput(what, key, remedy)


def _way(root: Path, folder: Path) -> Iterator[Path]:
    """The folder and those above it, as far as they are there, with all that links on the way lead through."""
    for place in (folder, *folder.parents):
        real = on_disk(root, place)
        if real.is_dir():
            yield place
            if real.is_symlink():
                yield from _way(root, place.parent / os.readlink(real))


def _group_is_the_proxys(site: Site, root: Path) -> None:
    """Whoever is in it reads proxy.env, and could send everybody's browser elsewhere."""
    if not accounts.has_account(root, site.proxy.user):
        return
    group = accounts.group_name(root, site.proxy.user)
    before = applied(site, root).hub.user  # leaves it with this apply
    strangers = accounts.members(root, group) - {site.proxy.user, site.hub.user, before}
    hubs = {other.hub.user for other in others(site, root)}
    if strangers:
        what = f"{site.proxy.user}'s own group, {group}, is also that of {', '.join(sorted(strangers)[:3])}"
        mend = f"groupadd --system NAME; usermod --gid NAME {site.proxy.user}"
        if strangers <= hubs:
            mend = "give this site a proxy.user of its own, as another site's hub is in that group"
        raise BadInput(what, "proxy.user", f"they could read the proxy's secret; {mend}")


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
