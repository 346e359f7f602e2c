"""Make the plan of `make apply` from the site, the state of the machine, and the manifest.

The functions of this file compute only: they neither read nor change the machine.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from ...base.errors import BadInput
from ...site import Site
from ..host.file_to_write import File, Folder
from ..host.platform import Platform
from ..installed.manifest import Manifest, manifest_path
from ..installed.shared_between_sites import used
from ..render.accounts import accounts, memberships
from ..render.machine_secrets import generated_paths
from ..render.rendered_files import folders
from ..system_sshd.deny_groups import denied_path
from ..web.apache_links import Link
from .config_tests import CheckSshd, CheckWebServer
from .kinds_of_changes import (
    ChangedFolder,
    NewAccount,
    NewFolder,
    NewGroup,
    NewMember,
    Record,
    RemoveMember,
    Stop,
)
from .machine_state import MachineState
from .plan import ApplyPlan
from .plan_files import owner_of, plan_file, plan_links, plan_removals
from .service_changes import list_service_changes, services_by_key, web_servers_reading

Thing = TypeVar("Thing")
Folders = dict[Path, Folder]


def make_plan(
    site: Site,
    platform: Platform,
    files: dict[Path, File],
    generated_files: dict[Path, File],
    links: dict[Path, Link],
    seen: MachineState,
    before: Manifest,
) -> ApplyPlan:
    """Return the plan that makes the machine match the site.

    `files` are the files whose content depends only on the site file. `generated_files` were
    generated on this machine, such as a private key. `links` are the symbolic links that the
    machine's web server needs.
    """
    result = ApplyPlan(seen.applied, generated_files | files, manifest=before.model_copy(deep=True))
    for_manifest, of_root, of_accounts = _in_order(site, folders(site, platform))
    _folders(result, seen, for_manifest)
    place = len(result.actions)
    _stops(result, site, platform, seen)
    _folders(result, seen, of_root)
    _accounts(result, site, platform, seen)
    _folders(result, seen, of_accounts)
    for path, file in (generated_files | files).items():
        plan_file(result, seen, path, file, generated=path in generated_files)
    plan_links(result, seen, links)
    plan_removals(result, seen, generated_files.keys() | files.keys() | generated_paths(site))
    _leave(result, seen, _pairs(site, platform, seen).keys())
    _share(result, site, platform, seen)
    result.services = list_service_changes(
        site, platform, result.changed, files, seen.services, seen.applied
    )
    servers = web_servers_reading(site, platform, result.changed)
    result.actions += [CheckWebServer(web) for web in servers]
    if denied_path(site) in result.changed:
        result.actions.append(CheckSshd(site.login.deny_ssh))
    if result.changes or result.manifest != before:
        result.actions.insert(place, Record(manifest_path(site), before.joined(result.manifest)))
        result.actions.append(Record(manifest_path(site), result.manifest))
    return result


def _in_order(site: Site, wanted: Folders) -> tuple[Folders, Folders, Folders]:
    """Return the folders in three groups, in the order in which they are created.

    The first group contains the folders of the manifest, because the manifest is written before any
    other change. The second group contains all other folders that root owns. The last group
    contains folders that service accounts own, because `make apply` creates the accounts before
    these folders.
    """
    for_manifest: Folders = {}
    of_root: Folders = {}
    of_accounts: Folders = {}
    for path, folder in wanted.items():
        if path in manifest_path(site).parents:
            for_manifest[path] = folder
        elif folder.owner == "root":
            of_root[path] = folder
        else:
            of_accounts[path] = folder
    return for_manifest, of_root, of_accounts


def _stops(result: ApplyPlan, site: Site, platform: Platform, seen: MachineState) -> None:
    """Plan to stop and disable the services that the new site does not have. The service that
    started last is stopped first.

    A service that is enabled but does not run is also disabled.
    """
    stay = {key for key, _ in services_by_key(site, platform)}
    for key, service in reversed(services_by_key(seen.applied, platform)):
        if key not in stay and service.name in seen.services:
            stop = Stop(seen.applied, service, seen.services[service.name])
            result.actions += [stop] if stop.what[0] else []


def _folders(result: ApplyPlan, seen: MachineState, wanted: Folders) -> None:
    """Plan to create missing folders, and to set owner and mode of existing folders."""
    for path, folder in wanted.items():
        entry, owner = seen.entries[path], owner_of(seen, folder)
        if entry.kind == "nothing":
            result.actions.append(NewFolder(path, folder))
            _record(result.manifest.folders, str(path))
        elif entry.kind not in ("folder", "hidden") and not folder.shared:
            remedy = "remove it, or move it away; to have the folder elsewhere, name it in site.yml or mount it here"
            raise BadInput(
                f"a {entry.kind} exists where a folder of the site has to be",
                str(path),
                remedy,
            )
        elif not folder.shared and (entry.mode, entry.owner) != (folder.mode, owner):
            changes_hands = folder.owner != "root" and entry.owner != owner
            result.actions.append(ChangedFolder(path, folder, entry, changes_hands))
            result.manifest.note_found(path, entry)


def _accounts(result: ApplyPlan, site: Site, platform: Platform, seen: MachineState) -> None:
    """Plan to create the missing accounts and group memberships."""
    for account in accounts(site, platform):
        if account.name in seen.users:
            continue
        if account.name not in seen.groups:
            result.actions.append(NewGroup(account.name))
            _record(result.manifest.groups, account.name)
        result.actions.append(NewAccount(account))
        _record(result.manifest.accounts, account.name)
    for pair, why in _pairs(site, platform, seen).items():
        there = pair[1] in seen.groups or pair[1] in result.manifest.groups
        if there and pair not in seen.members:
            result.actions.append(NewMember(*pair, why))
            _record(result.manifest.memberships, pair)


def _pairs(site: Site, platform: Platform, seen: MachineState) -> dict[tuple[str, str], str]:
    """Return the group memberships that the site needs: (user, group) -> reason."""
    wishes = memberships(site, platform)
    return {(wish.user, wish.group or seen.own_group[wish.group_of]): wish.why for wish in wishes}


def _leave(result: ApplyPlan, seen: MachineState, wanted: Collection[tuple[str, str]]) -> None:
    """Plan to remove accounts from groups if neither this site nor another site of the machine
    needs the membership."""
    for pair in [pair for pair in result.manifest.memberships if pair not in wanted]:
        if pair in seen.members and pair not in seen.shared.memberships:
            result.actions.append(RemoveMember(*pair))
        result.manifest.memberships.remove(pair)


def _share(result: ApplyPlan, site: Site, platform: Platform, seen: MachineState) -> None:
    """Add to this site's manifest the accounts and files that another site of the machine made and
    that this site also uses.

    The manifests of both sites list the shared accounts, groups, folders and links. `make
    uninstall` of the last of these sites removes the shared accounts, groups, folders and links.
    """
    result.manifest = result.manifest.joined(
        used(seen.shared, site, platform, _pairs(site, platform, seen))
    )


def _record(known: list[Thing], thing: Thing) -> None:
    """Add the entry `thing`, such as a path, to a list of the manifest, unless the list already
    contains this entry."""
    if thing not in known:
        known.append(thing)
