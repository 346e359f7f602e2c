"""What the sites of a machine have in common, such as the hub's account: each lists it, and it goes
with the last."""

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
from .applied import others
from .entries import on_disk
from .manifest import Manifest, load_manifest, manifest_path


def used(
    record: Manifest,
    site: Site,
    platform: Platform,
    members: Collection[tuple[str, str]],
    linked: Collection[Path] = (),
) -> Manifest:
    """What of another site's record this one uses as well; `members` are its (user, group). Pure."""
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
    """What the machine's other sites list, or use of what this one lists, in one. Raises Problem."""
    return reduce(Manifest.joined, (record for _, _, record in _others(site, root)), Manifest())


def share(site: Site, root: Path) -> None:
    """Let the other sites list what they use of this one's. Raises Problem."""
    for other, before, record in _others(site, root):
        if record != before:
            write_atomic(on_disk(root, manifest_path(other)), record.text)


def _others(site: Site, root: Path) -> Iterator[tuple[Site, Manifest, Manifest]]:
    """The other sites with their records, as they stand, and in full: an older sitekit's lack what
    was there when the site came."""
    mine, platform = load_manifest(site, root), this_platform(root)
    for other in others(site, root):
        wishes = memberships(other, platform)
        members = {
            (wish.user, wish.group or unix_accounts.group_name(root, wish.group_of))
            for wish in wishes
        }
        uses = used(mine, other, platform, members, links(Target(other, root), platform))
        before = load_manifest(other, root)
        yield other, before, before.joined(uses)
