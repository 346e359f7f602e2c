"""Read the state of the machine, from which `make apply` makes its plan. Nothing is changed.

Root can read all of this state. For other users, parts of the state are unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...site import Site
from ..host.platform import Platform
from ..installed import unix_accounts
from ..installed.applied_site import applied
from ..installed.manifest import Manifest
from ..installed.read_and_restore_path import MACHINE, Entry, read_entry
from ..installed.shared_between_sites import shared
from ..render.accounts import accounts, memberships
from ..render.rendered_files import folders
from ..render.services_of_site import site_services, site_supervisor
from ..supervisors import control
from ..system_sshd import control as system_sshd
from ..web import system_server


@dataclass(frozen=True)
class MachineState:
    """The state of the machine before an apply.

    `entries` maps each path to the file, folder or link that exists there.
    `users` and `groups` contain the accounts and groups of the site that exist.
    `members` contains the memberships that exist, as (user, group).
    `own_group` maps each account of the site to its primary group.
    `services` has the state of each service of the applied site, and of the machine's own web
    servers. If a service runs but does not answer, its state is `starting`. If the current user
    cannot read the state, the value is `unknown`.
    `applied` is the site of the last apply.
    `shared` has all entries of the manifests of the other sites on this machine.
    """

    entries: Mapping[Path, Entry]
    users: Mapping[str, tuple[int, int]]
    groups: frozenset[str]
    members: frozenset[tuple[str, str]]
    own_group: Mapping[str, str]
    services: Mapping[str, str]
    applied: Site
    shared: Manifest


def path_beside(path: Path) -> Path:
    """Return the path for new content that must not replace the file `path`, such as `path.new` in
    the same folder.

    The program that reads `path` must ignore the new file. Therefore the new file in a folder of
    logrotate has another suffix, because logrotate ignores only certain suffixes (logrotate(8),
    tabooext).
    """
    return path.with_name(
        path.name + (".dpkg-new" if path.parent == Path("/etc/logrotate.d") else ".new")
    )


def is_beside(path: Path) -> bool:
    """Return whether `path` has a name that path_beside() returns, such as `NAME.new`."""
    return path.suffix in (".new", ".dpkg-new")


def read_machine_state(
    site: Site, platform: Platform, files: Iterable[Path], manifest: Manifest, root: Path
) -> MachineState:
    """Read the state of everything that the site needs or the manifest lists."""
    own = [account.name for account in accounts(site, platform)]
    own_group = {name: unix_accounts.group_name(root, name) for name in own}
    pairs = {
        (wish.user, wish.group or own_group[wish.group_of]) for wish in memberships(site, platform)
    }
    pairs |= set(manifest.memberships)
    before = applied(site, root)
    names = {*own, *own_group.values(), *(group for _, group in pairs)}
    known = {*files, *map(Path, manifest.files), *map(Path, manifest.links)}
    paths = {*known, *map(path_beside, known), *folders(site, platform)}
    return MachineState(
        entries={path: read_entry(root, path) for path in sorted(paths)},
        users={
            name: unix_accounts.numbers(root, name)
            for name in ["root", *own]
            if unix_accounts.has_account(root, name)
        },
        groups=frozenset(name for name in names if unix_accounts.has_group(root, name)),
        members=frozenset(pair for pair in pairs if unix_accounts.is_member(root, *pair)),
        own_group=own_group,
        services=service_states(before, platform) | _web_states(platform) | _sshd_state(platform)
        if root == MACHINE
        else {},
        applied=before,
        shared=shared(site, root),
    )


def _web_states(platform: Platform) -> dict[str, str]:
    """Return the states of the machine's own web servers: service name -> state."""
    return {web.service: system_server.state(web).word for web in (platform.apache, platform.nginx)}


def _sshd_state(platform: Platform) -> dict[str, str]:
    """Return the state of the machine's own sshd: service name -> state."""
    return {platform.ssh_service: system_sshd.state(platform).word}


def service_states(site: Site, platform: Platform) -> dict[str, str]:
    """Return the state of each of the site's services, as the supervisor reports it."""
    services = site_services(site, platform)
    if site.supervisor == "systemd" and control.which_supervisor() != "systemd":
        return {}
    if (
        site.supervisor == "supervisord"
        and os.geteuid() != 0
        and (site.run / "supervisor.sock").exists()
    ):
        return {
            service.name: "unknown" for service in services
        }  # only root can use the supervisor's socket
    return {
        name: state.word for name, state in control.status(services, site_supervisor(site)).items()
    }
