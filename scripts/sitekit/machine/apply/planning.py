"""(what the site asks for, what is on the machine, the manifest) -> the plan. Pure."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

from ...base.errors import BadInput
from ...site import Site
from ..host.file import File, Folder
from ..host.platform import Platform
from ..installed.manifest import Manifest, manifest_path
from ..installed.shared import used
from ..render.accounts import accounts, memberships
from ..render.machine_secrets import made_here
from ..render.rendered_files import folders
from ..web.apache_links import Link
from .actions import (
    ChangedFolder,
    NewAccount,
    NewFolder,
    NewGroup,
    NewMember,
    Record,
    RemoveMember,
    Stop,
    Tested,
)
from .observed import Seen
from .placing import place_file, place_links, retire
from .plan import Plan
from .service_changes import affected, supervised, web_servers

Thing = TypeVar("Thing")


def plan(
    site: Site,
    platform: Platform,
    files: dict[Path, File],
    made_up: dict[Path, File],
    links: dict[Path, Link],
    seen: Seen,
    before: Manifest,
) -> Plan:
    """The way from `seen` to the site. `files` follow from it; `made_up` are the machine's own,
    such as a key; `links` are what its web server wants besides."""
    made = Plan(seen.applied, made_up | files, manifest=before.model_copy(deep=True))
    wanted = folders(site, platform)
    record = {
        path: folder for path, folder in wanted.items() if path in manifest_path(site).parents
    }
    roots = {
        path: folder
        for path, folder in wanted.items()
        if path not in record and folder.owner == "root"
    }
    _folders(made, seen, record)
    place = len(made.actions)
    _stops(made, site, platform, seen)
    _folders(made, seen, roots)
    _accounts(made, site, platform, seen)
    _folders(
        made,
        seen,
        {path: folder for path, folder in wanted.items() if path not in {**record, **roots}},
    )
    for path, file in (made_up | files).items():
        place_file(made, seen, path, file, generated=path in made_up)
    place_links(made, seen, links)
    retire(made, seen, made_up.keys() | files.keys() | made_here(site))
    _leave(made, seen, _pairs(site, platform, seen).keys())
    _share(made, site, platform, seen)
    made.services = affected(site, platform, made.changed, files, seen.services, seen.applied)
    made.actions += [Tested(web) for web in web_servers(site, platform, made.changed)]
    if made.changes or made.manifest != before:
        made.actions.insert(place, Record(manifest_path(site), before.joined(made.manifest)))
        made.actions.append(Record(manifest_path(site), made.manifest))
    return made


def _stops(made: Plan, site: Site, platform: Platform, seen: Seen) -> None:
    """The last one first. What is enabled is disabled, also where it does not run."""
    stay = {key for key, _ in supervised(site, platform)}
    for key, service in reversed(supervised(seen.applied, platform)):
        if key not in stay and service.name in seen.services:
            stop = Stop(seen.applied, service, seen.services[service.name])
            made.actions += [stop] if stop.what[0] else []


def _folders(made: Plan, seen: Seen, wanted: dict[Path, Folder]) -> None:
    for path, folder in wanted.items():
        entry, owner = seen.entries[path], seen.users.get(folder.owner)
        if entry.kind == "nothing":
            made.actions.append(NewFolder(path, folder))
            _record(made.manifest.folders, str(path))
        elif entry.kind not in ("folder", "hidden") and not folder.shared:
            remedy = "remove it, or move it away; to have the folder elsewhere, name it in site.yml or mount it here"
            raise BadInput(
                f"a {entry.kind} stands where a folder of the site's own has to be",
                str(path),
                remedy,
            )
        elif not folder.shared and (entry.mode, entry.owner) != (folder.mode, owner):
            changes_hands = folder.owner != "root" and entry.owner != owner
            made.actions.append(ChangedFolder(path, folder, entry, changes_hands))
            made.manifest.note_found(path, entry)


def _accounts(made: Plan, site: Site, platform: Platform, seen: Seen) -> None:
    for account in accounts(site, platform):
        if account.name in seen.users:
            continue
        if account.name not in seen.groups:
            made.actions.append(NewGroup(account.name))
            _record(made.manifest.groups, account.name)
        made.actions.append(NewAccount(account))
        _record(made.manifest.accounts, account.name)
    for pair, why in _pairs(site, platform, seen).items():
        there = pair[1] in seen.groups or pair[1] in made.manifest.groups
        if there and pair not in seen.members:
            made.actions.append(NewMember(*pair, why))
            _record(made.manifest.memberships, pair)


def _pairs(site: Site, platform: Platform, seen: Seen) -> dict[tuple[str, str], str]:
    """The memberships that the site needs, as (user, group), and why."""
    wishes = memberships(site, platform)
    return {(wish.user, wish.group or seen.own_group[wish.group_of]): wish.why for wish in wishes}


def _leave(made: Plan, seen: Seen, wanted: Collection[tuple[str, str]]) -> None:
    """The groups that nothing needs any more: neither this site, nor another one with the same
    account."""
    for pair in [pair for pair in made.manifest.memberships if pair not in wanted]:
        if pair in seen.members and pair not in seen.shared.memberships:
            made.actions.append(RemoveMember(*pair))
        made.manifest.memberships.remove(pair)


def _share(made: Plan, site: Site, platform: Platform, seen: Seen) -> None:
    """What another site made and this one uses as well, both list: the last of them takes it away."""
    made.manifest = made.manifest.joined(
        used(seen.shared, site, platform, _pairs(site, platform, seen))
    )


def _record(known: list[Thing], thing: Thing) -> None:
    """Once: what somebody took away by hand is made again."""
    if thing not in known:
        known.append(thing)
