"""(what the site asks for, what is on the machine, the manifest) -> the plan. Pure: `make diff` shows it, `make apply`
executes the very same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadInput
from ..machine.file import File, Folder
from ..machine.generated import made_here
from ..machine.links import Link
from ..machine.platform import Platform
from ..machine.render import folders
from ..machine.wanted import accounts, memberships
from ..site import Site
from .actions import (
    Action,
    ChangedFolder,
    NewAccount,
    NewFolder,
    NewGroup,
    NewLink,
    NewMember,
    Record,
    Remove,
    RemoveMember,
    Stop,
    Tested,
    Write,
)
from .affected import ServiceChange, affected, supervised, web_servers
from .manifest import FileRecord, Manifest, manifest_path
from .seen import Seen, beside
from .tree import NOTHING, Entry


@dataclass
class Plan:
    """What will be done, in this order, then to which services; and what is there to be told without being done.

    `files` are all that the site asks for, changed or not. `offers` are the files beside which new content lies.
    `manifest` is what will be recorded; `applied` is the site as it stands before.
    """

    applied: Site
    files: dict[Path, File]
    actions: list[Action] = field(default_factory=list)
    services: list[ServiceChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    offers: list[Path] = field(default_factory=list)
    manifest: Manifest = field(default_factory=Manifest)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Every change as (kind, object); empty when the machine is what the site says."""
        done = [action.what for action in self.actions if not isinstance(action, Record)]
        return [*done, *(service.what for service in self.services)]

    @property
    def back(self) -> list[ServiceChange]:
        """What the services that stood before have to do when everything is put back."""
        stopped = [action for action in self.actions if isinstance(action, Stop) and action.state != "stopped"]
        starts = [ServiceChange(action.service.name, "start", action.state) for action in stopped]
        return [*starts, *(change for change in self.services if change.verb != "start")]

    @property
    def changed(self) -> dict[Path, Entry]:
        """The paths at which a file or a link will be another, or none, with what stands there before."""
        there = {action.path: action.before for action in self.actions if isinstance(action, Write | Remove)}
        return there | {action.path: NOTHING for action in self.actions if isinstance(action, NewLink)}


def plan(
    site: Site,
    platform: Platform,
    files: dict[Path, File],
    made_up: dict[Path, File],
    links: dict[Path, Link],
    seen: Seen,
    before: Manifest,
) -> Plan:
    """The way from `seen` to the site. `files` follow from it; `made_up` are the machine's own, such as a key; `links`
    are what its web server wants besides."""
    made = Plan(seen.applied, made_up | files, manifest=before.model_copy(deep=True))
    wanted = folders(site, platform)
    record = {path: folder for path, folder in wanted.items() if path in manifest_path(site).parents}
    roots = {path: folder for path, folder in wanted.items() if path not in record and folder.owner == "root"}
    _folders(made, seen, record)
    place = len(made.actions)
    _stops(made, site, platform, seen)
    _folders(made, seen, roots)
    _accounts(made, site, platform, seen)
    _folders(made, seen, {path: folder for path, folder in wanted.items() if path not in {**record, **roots}})
    for path, file in (made_up | files).items():
        _file(made, seen, path, file, generated=path in made_up)
    _links(made, seen, links)
    _retire(made, seen, made_up.keys() | files.keys() | made_here(site))
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
            raise BadInput(f"a {entry.kind} stands where a folder of the site's own has to be", str(path), remedy)
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
    """The groups that nothing needs any more: neither this site, nor another one with the same account."""
    for pair in [pair for pair in made.manifest.memberships if pair not in wanted]:
        if pair in seen.members and pair not in seen.shared.memberships:
            made.actions.append(RemoveMember(*pair))
        made.manifest.memberships.remove(pair)


def _share(made: Plan, site: Site, platform: Platform, seen: Seen) -> None:
    """What another site made and this one uses as well, both list: the last of them takes it away."""
    names = [account.name for account in accounts(site, platform)]
    uses = {
        "folders": {str(path) for path in folders(site, platform)},
        "accounts": names,
        "groups": names,
        "memberships": _pairs(site, platform, seen),
    }
    for kind, mine in uses.items():
        for thing in getattr(seen.shared, kind):
            if thing in mine:
                _record(getattr(made.manifest, kind), thing)


def _record(known: list, thing: object) -> None:
    """Once: what somebody took away by hand is made again."""
    if thing not in known:
        known.append(thing)


def _file(made: Plan, seen: Seen, path: Path, file: File, *, generated: bool) -> None:
    """Write it, unless somebody else's work stands there: then it is laid beside that as `.new`."""
    entry, record = seen.entries[path], made.manifest.files.get(str(path))
    ours = FileRecord(hashes=[file.sha256], mode=file.mode, generated=generated)
    secret = generated and not file.mode & 0o004
    if entry.closed and record is not None and record.hashes == [file.sha256]:
        made.notes.append(f"{path}: you may not read it; as sitekit left it, there is nothing to do")
    elif _ours(entry, record):
        if entry.sha256 != file.sha256 or (entry.mode, entry.owner) != (file.mode, _owner(seen, file)):
            made.actions.append(Write(path, file, entry, secret))
        made.manifest.files[str(path)] = ours
    else:
        record = made.manifest.files.setdefault(str(path), FileRecord(foreign=True))
        if entry.sha256 == file.sha256:
            # The offer was taken, or the edit undone: ours again. What merely happens to be the same stays theirs.
            if not record.foreign or record.offered == file.sha256:
                made.manifest.files[str(path)] = ours
        else:
            _offer(made, path, file, record, seen.entries[beside(path)], secret)


def _ours(entry: Entry, record: FileRecord | None) -> bool:
    """If it may be replaced. What may not be seen is taken to be as the manifest has it; root will look again."""
    if record is None:
        return entry.kind in ("nothing", "hidden")
    return record.owns(entry) or (entry.closed and not record.foreign)


def _offer(made: Plan, path: Path, file: File, record: FileRecord, there: Entry, secret: bool) -> None:
    """Lay `file` beside what stands at `path`, unless it was laid there before and has been dealt with."""
    new = beside(path)
    if there.kind == "nothing" and file.sha256 in (*record.hashes, record.offered):
        made.notes.append(f"{path}: changed by hand, and there is nothing new for it")
        return
    made.offers.append(path)
    if there.kind != "nothing" and there.sha256 not in (record.offered, file.sha256):
        made.notes.append(f"{new}: changed by hand as well, and left alone")
        return
    if there.sha256 != file.sha256:
        made.actions.append(Write(new, file, there, secret))
    record.offered = file.sha256


def _links(made: Plan, seen: Seen, wanted: dict[Path, Link]) -> None:
    """Those that nobody has made yet. What stands at such a path is somebody's decision, and theirs to take back."""
    known = made.manifest.links
    for path, entry in [(path, seen.entries[path]) for path in map(Path, known)]:
        owned = made.manifest.owns_link(path, entry)
        if not owned and entry != NOTHING:
            made.notes.append(f"{path}: changed by hand, and left alone")
        if owned and path not in wanted and str(path) not in seen.shared.links:
            made.actions.append(Remove(path, entry))
        if not owned or path not in wanted:
            del known[str(path)]
    for path, link in wanted.items():
        if seen.entries[path] == NOTHING and (link.part_of is None or str(link.part_of) in known):
            made.actions.append(NewLink(path, link.target))
            known[str(path)] = link.target
        elif str(path) in seen.shared.links:
            known[str(path)] = link.target


def _retire(made: Plan, seen: Seen, wanted: set[Path]) -> None:
    """Take away what an earlier apply wrote and the site no longer asks for."""
    for name, record in list(made.manifest.files.items()):
        path = Path(name)
        if path in wanted or record.foreign:
            continue
        entry = seen.entries[path]
        if record.owns(entry) or entry.closed:
            made.actions += _removals(path, record, seen)
            del made.manifest.files[name]
        else:
            made.notes.append(f"{path}: the site does not ask for it any more, but it was changed by hand and stays")


def _removals(path: Path, record: FileRecord, seen: Seen) -> Iterator[Remove]:
    new = seen.entries[beside(path)]
    if record.offered is not None and new.sha256 == record.offered:
        yield Remove(beside(path), new)
    if seen.entries[path] != NOTHING:
        yield Remove(path, seen.entries[path], secret=record.generated and not record.mode & 0o004)


def _owner(seen: Seen, file: File) -> tuple[int, int] | None:
    """The numbers of a file's owner; None while the account is yet to be made."""
    owner, other = seen.users.get(file.owner), seen.users.get(file.group_of or file.owner)
    return (owner[0], other[1]) if owner and other else None
