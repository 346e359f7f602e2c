"""What a plan has to know of the machine, looked up at one go and without changing anything. Root
sees all of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...site import Site
from ..host.platform import Platform
from ..installed import unix_accounts
from ..installed.applied import applied
from ..installed.entries import MACHINE, Entry, look
from ..installed.manifest import Manifest
from ..installed.shared import shared
from ..render.accounts import accounts, memberships
from ..render.rendered_files import folders
from ..render.services import site_services, site_supervisor
from ..supervisors import control
from ..web import system_server


@dataclass(frozen=True)
class Seen:
    """`entries` by path; `users` and `groups` those of the site's names that are there; `members`
    as (user, group).

    `own_group` names the own group of each of the site's accounts. `applied` is the site as it
    stands; `services` has the state of each of its services, `starting` also where it does not
    answer, and of the machine's own web servers; `unknown` where that cannot be seen. `shared` is
    what the machine's other sites have as well.
    """

    entries: Mapping[Path, Entry]
    users: Mapping[str, tuple[int, int]]
    groups: frozenset[str]
    members: frozenset[tuple[str, str]]
    own_group: Mapping[str, str]
    services: Mapping[str, str]
    applied: Site
    shared: Manifest


def beside(path: Path) -> Path:
    """Where new content lies that may not replace `path`, under a name that its program passes
    over.

    logrotate reads all that lies in its folder, save what package managers leave there
    (logrotate(8), tabooext).
    """
    return path.with_name(
        path.name + (".dpkg-new" if path.parent == Path("/etc/logrotate.d") else ".new")
    )


def is_beside(path: Path) -> bool:
    """Whether `path` is such a place."""
    return path.suffix in (".new", ".dpkg-new")


def see(
    site: Site, platform: Platform, files: Iterable[Path], manifest: Manifest, root: Path
) -> Seen:
    """Look at everything that the site asks for, and at everything that the manifest lists."""
    own = [account.name for account in accounts(site, platform)]
    own_group = {name: unix_accounts.group_name(root, name) for name in own}
    pairs = {
        (wish.user, wish.group or own_group[wish.group_of]) for wish in memberships(site, platform)
    }
    pairs |= set(manifest.memberships)
    before = applied(site, root)
    names = {*own, *own_group.values(), *(group for _, group in pairs)}
    known = {*files, *map(Path, manifest.files), *map(Path, manifest.links)}
    paths = {*known, *map(beside, known), *folders(site, platform)}
    return Seen(
        entries={path: look(root, path) for path in sorted(paths)},
        users={
            name: unix_accounts.numbers(root, name)
            for name in ["root", *own]
            if unix_accounts.has_account(root, name)
        },
        groups=frozenset(name for name in names if unix_accounts.has_group(root, name)),
        members=frozenset(pair for pair in pairs if unix_accounts.is_member(root, *pair)),
        own_group=own_group,
        services=service_states(before, platform) | _web_states(platform)
        if root == MACHINE
        else {},
        applied=before,
        shared=shared(site, root),
    )


def _web_states(platform: Platform) -> dict[str, str]:
    """Of the machine's own web servers."""
    return {web.service: system_server.state(web).word for web in (platform.apache, platform.nginx)}


def service_states(site: Site, platform: Platform) -> dict[str, str]:
    """What the supervisor says of each of the site's services on this machine."""
    services = site_services(site, platform)
    if site.supervisor == "systemd" and control.which_supervisor() != "systemd":
        return {}
    if (
        site.supervisor == "supervisord"
        and os.geteuid() != 0
        and (site.run / "supervisor.sock").exists()
    ):
        return {service.name: "unknown" for service in services}  # its socket is root's alone
    return {
        name: state.word for name, state in control.status(services, site_supervisor(site)).items()
    }
