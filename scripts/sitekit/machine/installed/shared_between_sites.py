"""Record the accounts, groups, folders and links that several sites of a machine share.

The manifest of each of these sites lists the shared objects. `make uninstall` of the last of these
sites removes the shared accounts, groups, folders and links.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from pathlib import Path

from ...base.files import write_atomic
from ...site import Site
from ..host.platform import Platform, this_platform
from ..host.target import Target
from ..render.accounts import accounts, memberships
from ..render.rendered_files import folders
from ..web.apache_links import links
from . import unix_accounts
from .applied_site import other_sites
from .manifest import Manifest, load_manifest, manifest_path
from .read_and_restore_path import on_disk


def used(
    record: Manifest,
    site: Site,
    platform: Platform,
    members: Collection[tuple[str, str]],
    linked: Collection[Path] = (),
) -> Manifest:
    """Return the entries of `record`, the manifest of another site, that `site` also uses. The
    function reads no files.

    `members` are the group memberships of `site`, as (user, group). `linked` are the links of
    `site`.
    """
    names = [account.name for account in accounts(site, platform)]
    paths = {str(path) for path in folders(site, platform)}
    return Manifest(
        links={path: target for path, target in record.links.items() if Path(path) in linked},
        folders=[path for path in record.folders if path in paths],
        accounts=[name for name in record.accounts if name in names],
        groups=[name for name in record.groups if name in names],
        memberships=[pair for pair in record.memberships if pair in members],
    )


def shared(site: Site, root: Path) -> Manifest:
    """Return one manifest with the entries of all other sites' manifests, including everything that
    these sites share with this site. Raises Problem."""
    return reduce(Manifest.joined, (record for _, _, record in _others(site, root)), Manifest())


def share(site: Site, root: Path) -> None:
    """Add the accounts, groups, folders and links of this site to the manifests of the other sites
    that also use them. Raises Problem."""
    for other, before, record in _others(site, root):
        if record != before:
            write_atomic(on_disk(root, manifest_path(other)), record.text)


def _others(site: Site, root: Path) -> Iterator[tuple[Site, Manifest, Manifest]]:
    """Yield every other site of the machine, with two manifests: the manifest on the disk, and the
    completed manifest.

    Manifests of older versions of sitekit do not list the accounts and files that existed before
    the first apply of the site. The completed manifest lists these shared accounts, groups, folders
    and links.
    """
    mine, platform = load_manifest(site, root), this_platform(root)
    for other in other_sites(site, root):
        wishes = memberships(other, platform)
        members = {
            (wish.user, wish.group or unix_accounts.group_name(root, wish.group_of))
            for wish in wishes
        }
        uses = used(mine, other, platform, members, links(Target(other, root), platform))
        before = load_manifest(other, root)
        yield other, before, before.joined(uses)
