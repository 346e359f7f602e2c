"""`sudo make backup`: what a machine cannot be given again, in one file that is root's alone.

The archive holds files under their paths on the machine (database and ledger as SQLite copies them
online, secrets, the site as it was applied, the manifest), those of the checkout under `checkout/`,
and a list of all with their hashes.
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
from ...base.command import acting_as, need_root
from ...base.data import CHECKOUT, OWN_KERNELS, OWN_PACKAGES
from ...base.errors import Problem
from ...base.files import open_file
from ...base.progress import say, step
from ...site import Site
from ..host import sqlite
from ..installed.entries import MACHINE, look, on_disk
from ..installed.manifest import load_manifest, manifest_path
from ..installed.ownership import Owner

INDEX = "backup.json"
_SQLITE = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; its copies need none of it."""


def backup(site: Site, *, root: Path = MACHINE) -> int:
    """Write one, and remove those that are too old. The hub may run meanwhile. Returns 1 if
    something had to be left out. Raises Problem."""
    need_root("backup")
    folder = on_disk(root, site.backups)
    if not folder.is_dir():
        raise Problem("there is no folder for backups", str(site.backups), "sudo make apply")
    with (
        step("Backing up") as progress,
        tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name,
    ):
        made = folder / f"sitekit-{site.name}-{time.strftime('%Y-%m-%d_%H%M%S')}.tar.gz"
        left = _archive(site, root, Path(name))
        os.replace(Path(name, INDEX), made)
        for old in sorted(folder.glob("sitekit-*.tar.gz"))[: -site.backup.keep]:
            old.unlink()
        progress.done(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    for path in left:
        say(
            f" !! left out {path}: the account whose folder it lies in may not read it; chown it, or move it away"
        )
    return 1 if left else 0


def _archive(site: Site, root: Path, folder: Path) -> list[Path]:
    """The archive, as the file INDEX in `folder`, which is on the disk of the backups. Returns what
    is not in it."""
    copy, hashes = folder / "copy", {}
    left: list[Path] = []
    with (
        open(folder / INDEX, "xb", opener=_closed) as raw,
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
    """Everything that goes in: its name in the archive, where it lies, and as whom it is to be
    read. What cannot be entered is added to `left`."""
    hub = look(root, site.paths.state).owner
    for path in _kept(on_disk(root, site.paths.state), hub, left):
        yield str(path.relative_to(root)), path, hub
    records = load_manifest(site, root).files
    generated_files = [Path(name) for name, record in records.items() if record.generated]
    for path in [*generated_files, site.etc / "site.yml", manifest_path(site)]:
        # each as its owner: the unit of the nightly backup reads nobody's as root
        if on_disk(root, path).is_file():
            yield str(path.relative_to("/")), on_disk(root, path), look(root, path).owner
    checkout = CHECKOUT.stat()
    for path in _configuration():
        yield f"checkout/{path.relative_to(CHECKOUT)}", path, (checkout.st_uid, checkout.st_gid)


def _kept(state: Path, hub: Owner, left: list[Path]) -> list[Path]:
    """The files of the state folder, as the hub's account finds them."""

    def skip(trouble: OSError) -> None:
        # of a state folder that is a filesystem of its own
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
    """What a person wrote. The nightly backup is made by the release, which has no checkout."""
    if (CHECKOUT / "Makefile").exists():
        own = ("config/site.yml", OWN_KERNELS, OWN_PACKAGES, "environment.lock")
        written = (*own, "kernels/kernels.yml", "environment.yml")
        yield from (path for path in map(CHECKOUT.joinpath, written) if path.exists())
        yield from sorted(
            path for path in (CHECKOUT / "config/local.d").glob("*") if path.is_file()
        )


def _copy(path: Path, to: Path, owner: Owner) -> None:
    """A database as one moment saw it, and sound; all else as it is. Raises PermissionError,
    Problem."""
    to.unlink(missing_ok=True)
    with acting_as(*owner):
        opened = open_file(path)
    with opened as content:
        if content.read(len(_SQLITE)) == _SQLITE:
            sqlite.copy(path, to, owner)
        else:
            content.seek(0)
            with to.open("xb") as copy:
                shutil.copyfileobj(content, copy)


def sha256_of(path: Path) -> str:
    """Of a file that may be large."""
    hashed = hashlib.sha256()
    with path.open("rb") as content:
        while piece := content.read(1 << 20):
            hashed.update(piece)
    return hashed.hexdigest()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o600
    return entry


def _closed(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
