"""`sudo make backup`: what a machine cannot be given again, in one file that is root's alone.

The archive holds files under their paths on the machine (database and ledger as SQLite copies them online, secrets, the
site as it was applied, the manifest), those of the checkout under `checkout/`, and a list of all with their hashes.
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
from contextlib import contextmanager
from pathlib import Path

from .. import __version__
from ..command import acting_as, need_root
from ..data import CHECKOUT, data
from ..errors import Problem
from ..files import open_file
from ..machine import sqlite
from ..progress import step
from ..site import Site
from ..standing.hands import Owner
from ..standing.manifest import load_manifest, manifest_path
from ..standing.tree import MACHINE, look, on_disk

INDEX = "backup.json"
ROOT = (0, 0)
_SQLITE = b"SQLite format 3\0"
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; its copies need none of it."""


def backup(site: Site, *, root: Path = MACHINE) -> int:
    """Write one, and remove those that are too old. The hub may run meanwhile. Raises Problem."""
    need_root("backup")
    folder = on_disk(root, site.backups)
    if not folder.is_dir():
        raise Problem("there is no folder for backups", str(site.backups), "sudo make apply")
    with step("Backing up") as progress, tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name:
        made = folder / f"sitekit-{site.name}-{time.strftime('%Y-%m-%d_%H%M%S')}.tar.gz"
        _archive(site, root, Path(name))
        os.replace(Path(name, INDEX), made)
        for old in sorted(folder.glob("sitekit-*.tar.gz"))[: -site.backup.keep]:
            old.unlink()
        progress.done(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


def _archive(site: Site, root: Path, folder: Path) -> None:
    """The archive, as the file INDEX in `folder`, which is on the disk of the backups."""
    copy, hashes = folder / "copy", {}
    with open(folder / INDEX, "xb", opener=_closed) as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, path, owner in _files(site, root):
            _copy(path, copy, owner)
            hashes[name] = sha256_of(copy)
            archive.add(copy, name, filter=_plain)
        index = {"format": 1, "site": site.name, "sitekit": __version__, "made": time.strftime("%FT%TZ", time.gmtime())}
        text = json.dumps({**index, "sha256": hashes}, indent=1).encode()
        entry = tarfile.TarInfo(INDEX)
        entry.size, entry.mode = len(text), 0o600
        archive.addfile(entry, io.BytesIO(text))


def _files(site: Site, root: Path) -> Iterator[tuple[str, Path, Owner]]:
    """Everything that goes in: its name in the archive, where it lies, and as whom it is to be read."""
    hub = look(root, site.paths.state).owner
    for path in _kept(on_disk(root, site.paths.state), hub):
        yield str(path.relative_to(root)), path, hub
    records = load_manifest(site, root).files
    made_up = [Path(name) for name, record in records.items() if record.generated]
    for path in [*made_up, site.etc / "site.yml", manifest_path(site)]:
        if on_disk(root, path).is_file():
            yield str(path.relative_to("/")), on_disk(root, path), ROOT
    for path in _configuration():
        yield f"checkout/{path.relative_to(CHECKOUT)}", path, ROOT


def _kept(state: Path, hub: Owner) -> list[Path]:
    """The files of the state folder, as the hub's account finds them. Raises Problem."""
    with _reading_as(hub):
        found = [Path(folder, name) for folder, _, names in os.walk(state, onerror=_refuse) for name in names]
        files = [path for path in sorted(found) if path.is_file() and not path.is_symlink()]
    return [path for path in files if not path.name.endswith(_BESIDE)]


def _refuse(trouble: OSError) -> None:
    raise trouble


@contextmanager
def _reading_as(owner: Owner) -> Iterator[None]:
    """Raises Problem."""
    try:
        with acting_as(*owner):
            yield
    except PermissionError as refused:
        remedy = "give it to the account of the folder that it lies in (chown), or move it away"
        raise Problem("the hub itself may not read it", refused.filename, remedy) from None


def _configuration() -> Iterator[Path]:
    """What a person wrote. The nightly backup is made by the release, which has no checkout."""
    if (CHECKOUT / "Makefile").exists():
        yield from (path for path in [CHECKOUT / "config/site.yml", data("kernels/kernels.yml")] if path.exists())
        yield from sorted(path for path in (CHECKOUT / "config/local.d").glob("*") if path.is_file())


def _copy(path: Path, to: Path, owner: Owner) -> None:
    """A database as one moment saw it, and sound; all else as it is. Raises Problem."""
    to.unlink(missing_ok=True)
    with _reading_as(owner):
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
