"""Write one conda package as a `.conda` file, and its repodata entry."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

try:
    from compression import zstd
except ImportError:
    from backports import zstd

PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"
"""The files of a package contain this path as a placeholder. The installer replaces the placeholder
by the path of the prefix."""

# 1980-01-01 is the first day that a zip file can store. All files get this time. Therefore the same
# input gives the same package.
_EPOCH = 315532800
_MACHINES = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}

Entry = dict[str, Any]


def subdir() -> str:
    """Return the name of the channel's directory for this machine's architecture, such as
    `linux-64`.

    Raises KeyError if the architecture is unknown.
    """
    return _MACHINES[os.uname().machine]


class Package:
    """Collect the files of a conda package, and write the package.

    The paths of the files are relative to the prefix, or begin with `site-packages/` or
    `python-scripts/`.
    """

    def __init__(
        self, name: str, version: str, build: str, where: str, depends: list[str], **index: object
    ) -> None:
        self.name = f"{name}-{version}-{build}"
        self.subdir = where
        self.index = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": sorted(depends),
            "subdir": where,
            "timestamp": _EPOCH * 1000,
            **index,
        }
        self._paths: list[dict[str, object]] = []
        self._members: list[tuple[str, bytes, int, str | None]] = []

    def add(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file to the package. If the file contains the text PLACEHOLDER, the installer
        replaces this text by the path of the prefix."""
        entry: dict[str, object] = {
            "_path": path,
            "path_type": "hardlink",
            "sha256": _sha256(content),
            "size_in_bytes": len(content),
        }
        if PLACEHOLDER.encode() in content and b"\0" not in content:
            entry |= {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}
        self._paths.append(entry)
        self._members.append((path, content, 0o755 if mode & 0o111 else 0o644, None))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link at `path` to the package."""
        self._paths.append({"_path": path, "path_type": "softlink"})
        self._members.append((path, b"", 0o777, target))

    def add_tree(self, root: Path) -> None:
        """Add all files below `root` to the package. `root` has the folders of a conda environment,
        such as bin, lib and share."""
        for file in sorted(root.rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.is_symlink():
                self.link(path, os.readlink(file))
            elif file.is_file():
                self.add(path, file.read_bytes(), file.stat().st_mode)

    def write(
        self, channel: Path, link: Entry | None = None, about: Entry | None = None
    ) -> tuple[str, str, Entry]:
        """Write the package into the directory `channel`. Return the name of the channel's
        directory for the package, the file name, and the entry for repodata.json.

        The format is conda's: a zip file with two zstd tarballs. `pkg-` contains the files, and
        `info-` contains the metadata.
        """
        info = {
            "index.json": _json(self.index),
            "paths.json": _json({"paths_version": 1, "paths": self._paths}),
            "files": "".join(f"{entry['_path']}\n" for entry in self._paths).encode(),
            "about.json": _json(about or {}),
        }
        if link:
            info["link.json"] = _json({"package_metadata_version": 1, "noarch": link})
        inside = {
            "metadata.json": b'{"conda_pkg_format_version": 2}',
            f"pkg-{self.name}.tar.zst": _tar(self._members),
            f"info-{self.name}.tar.zst": _tar(
                [(f"info/{name}", content, 0o644, None) for name, content in info.items()]
            ),
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, content in inside.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        whole = buffer.getvalue()
        file = channel / self.subdir / f"{self.name}.conda"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(whole)
        md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
        return (
            self.subdir,
            file.name,
            {**self.index, "md5": md5, "sha256": _sha256(whole), "size": len(whole)},
        )


def write_repodata(channel: Path, entries: list[tuple[str, str, Entry]]) -> None:
    """Write the two index files (repodata.json) of the directory `channel`, for this machine's
    architecture and for `noarch`."""
    for where in ("noarch", subdir()):
        packages = {file: entry for folder, file, entry in entries if folder == where}
        index = {
            "info": {"subdir": where},
            "packages": {},
            "packages.conda": packages,
            "removed": [],
            "repodata_version": 1,
        }
        (channel / where).mkdir(parents=True, exist_ok=True)
        (channel / where / "repodata.json").write_bytes(_json(index))


def _tar(members: list[tuple[str, bytes, int, str | None]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content, mode, target in members:
            entry = tarfile.TarInfo(path)
            entry.mode, entry.mtime = mode, _EPOCH
            if target is None:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                archive.addfile(entry)
    # The package is installed from the same disk within a minute. Therefore speed is more important
    # than size.
    return zstd.compress(buffer.getvalue(), 1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
