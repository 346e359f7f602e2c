"""Decide what `make apply` does with each file and link: write the file, write the new content
beside the old file as `.new`, or remove the file.

The functions of this file compute only: they neither read nor change the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..host.file_to_write import File, Folder
from ..installed.manifest import FileRecord
from ..installed.read_and_restore_path import NOTHING, Entry
from ..web.apache_links import Link
from .kinds_of_changes import NewLink, Remove, Write
from .machine_state import MachineState, path_beside
from .plan import ApplyPlan, Edited


def plan_file(
    made: ApplyPlan, seen: MachineState, path: Path, file: File, *, generated: bool
) -> None:
    """Plan to write a file. If the administrator has written or changed the file at this path, plan
    to write the content as `.new` beside the file.
    """
    entry, record = seen.entries[path], made.manifest.files.get(str(path))
    ours = FileRecord(hashes=[file.sha256], mode=file.mode, generated=generated)
    secret = generated and not file.mode & 0o004
    if entry.closed and record is not None and record.hashes == [file.sha256]:
        made.notes.append(
            f"{path}: you may not read it; as sitekit left it, there is nothing to do"
        )
        made.unread.append(path)
    elif _ours(entry, record):
        if entry.sha256 != file.sha256 or (entry.mode, entry.owner) != (
            file.mode,
            owner_of(seen, file),
        ):
            made.actions.append(Write(path, file, entry, secret))
        made.manifest.files[str(path)] = ours
    else:
        record = made.manifest.files.setdefault(str(path), FileRecord(foreign=True))
        if entry.sha256 == file.sha256:
            # The administrator has accepted the `.new` file or has undone the edit, so sitekit
            # manages the file again. A file that sitekit never wrote still belongs to the
            # administrator, even if it has the same content by chance.
            if not record.foreign or record.offered == file.sha256:
                made.manifest.files[str(path)] = ours
        else:
            _offer(made, path, file, record, seen, secret)


def _ours(entry: Entry, record: FileRecord | None) -> bool:
    """Return whether sitekit is allowed to replace the file or link at the path.

    If the current user cannot read the file, return True, as if nobody had changed the file after
    sitekit wrote it. `sudo make apply` checks the file again.
    """
    if record is None:
        return entry.kind in ("nothing", "hidden")
    return record.owns(entry) or (entry.closed and not record.foreign)


def _offer(
    made: ApplyPlan, path: Path, file: File, record: FileRecord, seen: MachineState, secret: bool
) -> None:
    """Plan to write the new content beside `path` as `.new`. If no `.new` file exists, and sitekit
    has written or offered the same content before, plan nothing. If the `.new` file was changed by
    hand, keep it."""
    new = path_beside(path)
    there = seen.entries[new]
    if there.kind == "nothing" and file.sha256 in (*record.hashes, record.offered):
        made.edited[path] = Edited(file, seen.entries[path], secret)
        return
    made.offers.append(path)
    if there.kind != "nothing" and there.sha256 not in (record.offered, file.sha256):
        made.notes.append(f"{new}: changed by hand as well, and left alone")
        return
    if there.sha256 != file.sha256:
        made.actions.append(Write(new, file, there, secret))
    record.offered = file.sha256


def plan_links(made: ApplyPlan, seen: MachineState, wanted: dict[Path, Link]) -> None:
    """Plan to create missing symbolic links, and to remove links that the site no longer needs.

    If another file or link exists at the path of a link, this file or link belongs to the
    administrator. sitekit keeps it.
    """
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


def plan_removals(made: ApplyPlan, seen: MachineState, wanted: set[Path]) -> None:
    """Plan to remove the files that an earlier apply wrote and that the site no longer needs."""
    for name, record in list(made.manifest.files.items()):
        path = Path(name)
        if path in wanted or record.foreign:
            continue
        entry = seen.entries[path]
        if record.owns(entry) or entry.closed:
            made.actions += _removals(path, record, seen)
            del made.manifest.files[name]
        else:
            made.notes.append(
                f"{path}: the site no longer needs this file, but it was changed by hand and is kept"
            )


def _removals(path: Path, record: FileRecord, seen: MachineState) -> Iterator[Remove]:
    """Yield the removal of a file, and of the `.new` file beside it."""
    new = seen.entries[path_beside(path)]
    if record.offered is not None and new.sha256 == record.offered:
        yield Remove(path_beside(path), new)
    if seen.entries[path] != NOTHING:
        yield Remove(path, seen.entries[path], secret=record.generated and not record.mode & 0o004)


def owner_of(seen: MachineState, thing: File | Folder) -> tuple[int, int] | None:
    """Return the uid and gid of a file or folder; None if the account does not exist yet."""
    owner, other = seen.users.get(thing.owner), seen.users.get(thing.group_of or thing.owner)
    return (owner[0], other[1]) if owner and other else None
