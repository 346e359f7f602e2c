"""Implement `sudo make backup`: copy into one file, which only root can read, everything that a
machine cannot recreate.

The archive contains database, ledger, secrets, applied site and manifest under their paths on the
machine. Files of the checkout are below `checkout/` in the archive. The archive also contains a
list with the hashes of all its files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ... import __version__
from ...base.data_files import CHECKOUT, OWN_KERNELS, OWN_PACKAGES
from ...base.errors import Problem
from ...base.files import open_file
from ...base.progress import say, step
from ...base.run_program import acting_as, need_root
from ...contracts.database_url import postgresql, restored_copy
from ...site import Site
from ...site.courses.course_files import courses_folder
from ...site.courses.read_course_file_safely import LIMIT
from ..host import sqlite
from ..host.hub_database import hub_database
from ..installed.applied_site import applied
from ..installed.change_owner import Owner
from ..installed.manifest import load_manifest, manifest_path
from ..installed.read_and_restore_path import MACHINE, on_disk, read_entry

INDEX = "backup.json"
ARCHIVE = "backup.tar.gz"
COURSE_FILES = (".yml", ".csv", ".txt")
_SQLITE = b"SQLite format 3\0"
_DRAFT = "-draft"
_BESIDE = ("-wal", "-shm", "-journal", f".sql{_DRAFT}")
"""A backup omits files whose names have one of these suffixes: the files that SQLite writes beside
a database, and unfinished copies.
"""


def backup(site: Site, *, root: Path = MACHINE) -> int:
    """Write a backup, and remove the oldest backups. The hub can keep running. Raises Problem.

    Returns 1 if a file had to be left out of the backup, else 0.
    """
    need_root("backup")
    folder = on_disk(root, site.backups)
    if not folder.is_dir():
        raise Problem("there is no folder for backups", str(site.backups), "sudo make apply")
    with (
        step("Backing up") as progress,
        tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name,
    ):
        missing = _copy_database(site, root)
        made = folder / f"sitekit-{site.name}-{time.strftime('%Y-%m-%d_%H%M%S')}.tar.gz"
        left = _archive(site, root, Path(name))
        os.replace(Path(name, ARCHIVE), made)
        for old in sorted(folder.glob("sitekit-*.tar.gz"))[: -site.backup.keep]:
            old.unlink()
        progress.done(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    for path in left:
        say(
            f" !! left out {path}: the account that owns its folder may not read it; chown it, or move it away"
        )
    if missing:
        say(f" !! left out the hub's database: {missing.what}\n    -> {missing.remedy}")
    return 1 if left or missing else 0


def _database_copy(site: Site, root: Path) -> Path:
    """Return the path at which the backup first writes its copy of a PostgreSQL database."""
    copy = on_disk(root, restored_copy(site))
    return copy.with_name(copy.name + _DRAFT)


def _copy_database(site: Site, root: Path) -> Problem | None:
    """Copy a PostgreSQL database of the last applied site to a file in the state folder; return the
    reason if this is not possible. The hub's account owns the file.

    A SQLite database is itself a file of the state folder.
    """
    there = applied(site, root)
    if postgresql(there) is None:
        return None
    draft, hub = _database_copy(site, root), read_entry(root, site.paths.state).owner
    try:
        with acting_as(*hub):
            draft.unlink(missing_ok=True)
            draft.touch(0o600)
        hub_database(there).copy(draft)
    except Problem as problem:
        with acting_as(*hub):
            draft.unlink(missing_ok=True)
        return problem
    return None


def _archive(site: Site, root: Path, folder: Path) -> list[Path]:
    """Write the archive as the file ARCHIVE in `folder`; return the files that this account could
    not read.

    `folder` is a temporary folder on the disk of the backups.
    """
    copy, hashes = folder / "copy", {}
    left: list[Path] = []
    with (
        open(folder / ARCHIVE, "xb", opener=_closed) as raw,
        tarfile.open(fileobj=raw, mode="w:gz") as archive,
    ):
        for name, path, owner in _files(site, root, left):
            try:
                _copy(path, copy, owner)
            except PermissionError:
                left.append(path)
                continue
            hashes[name] = sha256_of(copy)
            archive.add(copy, name, filter=_plain)
        index = {
            "format": 1,
            "site": site.name,
            "sitekit": __version__,
            "made": time.strftime("%FT%TZ", time.gmtime()),
        }
        text = json.dumps({**index, "sha256": hashes}, indent=1).encode()
        entry = tarfile.TarInfo(INDEX)
        entry.size, entry.mode = len(text), 0o600
        archive.addfile(entry, io.BytesIO(text))
    return left


def _files(site: Site, root: Path, left: list[Path]) -> Iterator[tuple[str, Path, Owner]]:
    """For each file of the backup, yield its name in the archive, its path, and the account with
    whose rights it is read.

    If a folder cannot be read, its path is added to `left`.
    """
    hub = read_entry(root, site.paths.state).owner
    for path in _kept(on_disk(root, site.paths.state), hub, left):
        yield str(path.relative_to(root)), path, hub
    draft = _database_copy(site, root)
    with acting_as(*hub):
        copied = draft.is_file()
    if copied:
        yield str(restored_copy(site).relative_to("/")), draft, hub
        with acting_as(*hub):
            draft.unlink()
    records = load_manifest(site, root).files
    generated_files = [Path(name) for name, record in records.items() if record.generated]
    for path in [*generated_files, site.etc / "site.yml", manifest_path(site)]:
        # Each file is read with the rights of its owner, because the nightly backup runs without
        # root's right to read all files.
        if on_disk(root, path).is_file():
            yield str(path.relative_to("/")), on_disk(root, path), read_entry(root, path).owner
    checkout = CHECKOUT.stat()
    for path in _configuration():
        yield f"checkout/{path.relative_to(CHECKOUT)}", path, (checkout.st_uid, checkout.st_gid)
    for path in _courses(site, root, left):
        yield f"checkout/config/courses/{path.name}", path, _owner(path)


def _kept(state: Path, hub: Owner, left: list[Path]) -> list[Path]:
    """Return the files of the state folder. The paths of folders that the hub's account cannot read
    are added to `left`.
    """

    def skip(trouble: OSError) -> None:
        """Add a folder that cannot be read to `left`."""
        # if the state folder is a separate filesystem, it contains lost+found
        if Path(trouble.filename).name != "lost+found":
            left.append(Path(trouble.filename))

    with acting_as(*hub):
        found = [
            Path(folder, name)
            for folder, _, names in os.walk(state, onerror=skip)
            for name in names
        ]
        files = [path for path in sorted(found) if path.is_file() and not path.is_symlink()]
    return [path for path in files if not path.name.endswith(_BESIDE)]


def _configuration() -> Iterator[Path]:
    """Yield the files of the checkout that administrators write, such as config/site.yml.

    The nightly backup contains no files of the checkout, because the nightly backup runs from a
    release.
    """
    if (CHECKOUT / "Makefile").exists():
        own = ("config/site.yml", OWN_KERNELS, OWN_PACKAGES, "environment.lock")
        written = (*own, "kernels/kernels.yml", "environment.yml")
        yield from (path for path in map(CHECKOUT.joinpath, written) if path.exists())
        local = CHECKOUT / "config" / "local.d"
        yield from sorted(path for path in local.glob("*") if path.is_file())


def _courses(site: Site, root: Path, left: list[Path]) -> list[Path]:
    """Return the course files and rosters. `make restore` writes the course files into
    config/courses.

    The backup omits symbolic links in the folder of the courses, because instructors may be able to
    write there. Files that are too long for a course file are added to `left`. If the folder of the
    course files does not exist (for example, because its disk is not mounted), the path of the
    folder is added to `left`.
    """
    folder = courses_folder(site)
    if site.paths.courses:
        folder = on_disk(root, folder)
    elif not folder.exists():
        return []
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix in COURSE_FILES]
    except OSError:
        left.append(folder)
        return []
    files = [path for path in files if path.is_file() and not path.is_symlink()]
    left += [path for path in files if path.stat().st_size > LIMIT]
    return [path for path in files if path not in left]


def _owner(path: Path) -> Owner:
    """Return the uid and gid of a file's owner. The backup reads the file with the rights of this
    account."""
    status = path.lstat()
    return status.st_uid, status.st_gid


def _copy(path: Path, to: Path, owner: Owner) -> None:
    """Copy a file with the rights of `owner`. A SQLite database is copied by SQLite itself, which
    makes the copy consistent. Raises PermissionError or Problem.
    """
    to.unlink(missing_ok=True)
    with acting_as(*owner):
        opened = open_file(path)
    with opened as content:
        if content.read(len(_SQLITE)) == _SQLITE:
            sqlite.copy_database(path, to, owner)
        else:
            content.seek(0)
            with to.open("xb") as copy:
                shutil.copyfileobj(content, copy)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file. A file that is larger than the machine's memory can be hashed
    too.
    """
    hashed = hashlib.sha256()
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            hashed.update(piece)
    return hashed.hexdigest()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Set owner (root) and mode of an archive entry to fixed values."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o600
    return entry


def _closed(path: str, flags: int) -> int:
    """Create the file `path` with mode 0600; return the file descriptor."""
    return os.open(path, flags, 0o600)
