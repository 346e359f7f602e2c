"""The machine that is being changed: its file tree, its manifest, and the one way by which a file gets onto it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..files import write_atomic
from ..site import Site
from .accounts import numbers
from .file import File, Folder, digest
from .manifest import FileRecord, Manifest, load_manifest

Outcome = Literal["written", "unchanged", "kept", "offered"]


def beside(path: Path) -> Path:
    """Where new content lies that may not replace `path`. sudo, systemd and Apache all pass over such a name."""
    return path.with_name(path.name + ".new")


def hand_over(real: Path, owner: tuple[int, int]) -> None:
    """Give a folder and all in it to `owner`. Meanwhile it is closed, so that nobody can put something in the way."""
    os.chown(real, 0, 0)
    real.chmod(0o700)
    for path in real.rglob("*"):
        os.chown(path, *owner, follow_symlinks=False)
    os.chown(real, *owner)


@dataclass
class Target:
    """A tree below `root` (`/` but in tests) with the manifest of one site. `changed` are the paths written since."""

    site: Site
    root: Path = Path("/")
    manifest: Manifest = field(init=False)
    changed: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.manifest = load_manifest(self.on_disk(self.manifest_path))

    @property
    def manifest_path(self) -> Path:
        return self.site.etc / "manifest.json"

    def on_disk(self, path: Path) -> Path:
        """Where `path` of the machine lies."""
        return self.root / path.relative_to("/")

    def save(self) -> None:
        """Write the manifest. Until the first folder of the site is there, there is nothing to record."""
        if self.on_disk(self.site.etc).is_dir():
            self.manifest.save(self.on_disk(self.manifest_path))

    def hash_of(self, path: Path) -> str | None:
        """The hash of what stands at `path`; None for nothing, and a word that no hash equals for what is no file."""
        real = self.on_disk(path)
        if not real.is_symlink() and not real.exists():
            return None
        return digest(real.read_bytes()) if real.is_file() and not real.is_symlink() else "no plain file"

    def is_ours(self, path: Path) -> bool:
        """Whether `path` is as sitekit left it; nothing at all counts as that."""
        now = self.hash_of(path)
        record = self.manifest.files.get(str(path))
        return now is None or (record is not None and now in record.hashes)

    def ensure_folder(self, path: Path, folder: Folder) -> None:
        """Make `path`, or give it the mode and owner that it shall have; what lies in it changes hands with it."""
        real = self.on_disk(path)
        if not real.is_dir():
            real.mkdir(0o700)
            self.manifest.folders.append(str(path))
        elif folder.shared:
            return
        owner = numbers(self.root, folder.owner, folder.group)
        if (real.stat().st_uid, real.stat().st_gid) != owner:
            hand_over(real, owner)
        real.chmod(folder.mode)

    def intend(self, files: dict[Path, File]) -> None:
        """Record what is about to be written, so that a write which is cut short is still known as ours."""
        for path, file in files.items():
            if self.is_ours(path):
                record = self.manifest.files.setdefault(str(path), FileRecord())
                record.hashes = list(dict.fromkeys([*record.hashes, file.sha256]))
        self.save()

    def place(self, path: Path, file: File, *, generated: bool = False) -> Outcome:
        """Put `file` at `path`, unless somebody else's work stands there: then it lies beside it as `.new`.

        `offered`: new content lies beside a file that is not ours. `kept`: the same, but it was offered before and
        the `.new` has been dealt with, or there is nothing new to offer. Raises OSError, Problem.
        """
        if not self.is_ours(path):
            return self._offer(path, file)
        owner = numbers(self.root, file.owner, file.group)
        same = self.hash_of(path) == file.sha256
        if not same or not self._looks(path, file.mode, owner):
            write_atomic(self.on_disk(path), file.content, file.mode, owner)
            self.changed.append(path)
        self.manifest.files[str(path)] = FileRecord(hashes=[file.sha256], mode=file.mode, generated=generated)
        return "unchanged" if path not in self.changed else "written"

    def _looks(self, path: Path, mode: int, owner: tuple[int, int]) -> bool:
        status = self.on_disk(path).stat()
        return (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (mode, *owner)

    def _offer(self, path: Path, file: File) -> Outcome:
        record = self.manifest.files.setdefault(str(path), FileRecord(foreign=True))
        if self.hash_of(path) == file.sha256:
            # The offer was taken, or the edit undone: ours again. What merely happens to be the same stays theirs.
            if not record.foreign or record.offered == file.sha256:
                self.manifest.files[str(path)] = FileRecord(hashes=[file.sha256], mode=file.mode)
            return "unchanged"
        new = beside(path)
        nothing_new = file.sha256 in record.hashes or record.offered == file.sha256
        if nothing_new and not self.on_disk(new).exists():
            return "kept"
        write_atomic(self.on_disk(new), file.content, file.mode, numbers(self.root, file.owner, file.group))
        record.offered = file.sha256
        return "offered"

    def remove(self, path: Path) -> bool:
        """Take away a file that sitekit wrote, and what it laid beside it. False: it was changed by hand, and stays."""
        record = self.manifest.files[str(path)]
        new = beside(path)
        if record.offered is not None and self.hash_of(new) == record.offered:
            self.on_disk(new).unlink()
        if not self.is_ours(path):
            return record.foreign
        self.on_disk(path).unlink(missing_ok=True)
        del self.manifest.files[str(path)]
        return True
