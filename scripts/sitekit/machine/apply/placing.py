"""Files and links on their way into the plan: written, offered beside somebody else's work, or
taken away. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..host.file import File
from ..installed.entries import NOTHING, Entry
from ..installed.manifest import FileRecord
from ..web.apache_links import Link
from .actions import NewLink, Remove, Write
from .observed import Seen, beside
from .plan import Edited, Plan


def place_file(made: Plan, seen: Seen, path: Path, file: File, *, generated: bool) -> None:
    """Write it, unless somebody else's work stands there: then it is laid beside that as `.new`."""
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
            _owner(seen, file),
        ):
            made.actions.append(Write(path, file, entry, secret))
        made.manifest.files[str(path)] = ours
    else:
        record = made.manifest.files.setdefault(str(path), FileRecord(foreign=True))
        if entry.sha256 == file.sha256:
            # The offer was taken, or the edit undone: ours again. What merely happens to be the
            # same stays theirs.
            if not record.foreign or record.offered == file.sha256:
                made.manifest.files[str(path)] = ours
        else:
            _offer(made, path, file, record, seen, secret)


def _ours(entry: Entry, record: FileRecord | None) -> bool:
    """If it may be replaced. What may not be seen is taken to be as the manifest has it; root will
    look again."""
    if record is None:
        return entry.kind in ("nothing", "hidden")
    return record.owns(entry) or (entry.closed and not record.foreign)


def _offer(
    made: Plan, path: Path, file: File, record: FileRecord, seen: Seen, secret: bool
) -> None:
    """Lay `file` beside what stands at `path`, unless it was laid there before and has been dealt
    with."""
    new = beside(path)
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


def place_links(made: Plan, seen: Seen, wanted: dict[Path, Link]) -> None:
    """Those that nobody has made yet. What stands at such a path is somebody's decision, and theirs
    to take back."""
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


def retire(made: Plan, seen: Seen, wanted: set[Path]) -> None:
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
            made.notes.append(
                f"{path}: the site does not ask for it any more, but it was changed by hand and stays"
            )


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
