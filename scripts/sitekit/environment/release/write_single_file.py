"""Write the whole release as one file, from which compute nodes start servers.

`server.start: image` needs a SquashFS image, and `server.start: cache` needs an archive. The image
or the archive is a file inside the release. Therefore this file is removed, rolled back and
verified together with the release. session/start_server.sh uses the image or the archive.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import step
from ...base.run_program import Argv, run
from ...session.imports.release_modules import FILE
from ...site import Site
from .lock_and_check_prefix import set_modes
from .releases import STATE, Release, note

SHARE = Path("share/sitekit")
START, IMAGE, ARCHIVE = SHARE / "start-server", SHARE / "release.squashfs", SHARE / "release.tar.gz"
ARCHIVE_SUM, IMAGE_SUM = SHARE / "release.tar.gz.sum", SHARE / "release.squashfs.sum"
SCRIPT = Path(__file__).parents[2] / "session" / "start_server.sh"
FILES = {"direct": (), "image": (IMAGE, IMAGE_SUM), "cache": (ARCHIVE, ARCHIVE_SUM)}
LEFT_OUT = {str(path) for kind in FILES.values() for path in kind} | STATE
"""The files of a release that the release's image and archive do not contain."""

BLOCK = 128 * 1024
"""mksquashfs compresses blocks of this size."""
FIRST = (
    "bin/python3*",
    "lib/*.so*",
    "etc/jupyter/**/*.json",
    "share/jupyter/**/*.json",
)
"""Files of a release that a starting server reads, in addition to its modules."""
FIRST_OF_PACKAGES = (
    "sitekit/session/__pycache__/server.*.pyc",
    "pyzmq.libs/*.so*",
    "jsonschema_specifications/schemas/**/*",
    "jupyter_events/schemas/*",
    "jupyter_server/event_schemas/**/*",
    "jupyter_lsp/specs/config/*.json",
    "jupyterlab/staging/package.json",
)
PACKAGES = ("lib/python3*/site-packages", "local/lib/python3*/dist-packages")
"""The folders of Python's packages. The first is for releases of conda packages, the second for
releases of wheels."""


def write_start_script(prefix: Path) -> dict[str, str]:
    """Copy the script that the job script runs (session/start_server.sh) into the release. Return
    {path: SHA-256}."""
    write_atomic(prefix / START, SCRIPT.read_bytes())
    return {str(START): _digest(prefix / START)}


def is_packed(site: Site, release: Release) -> bool:
    """Return whether the release has the image or the archive that `server.start` needs."""
    own = release.facts.get("own", {})
    return all(str(path) in own for path in FILES[site.server.start])


def pack(site: Site, release: Release) -> dict[str, str]:
    """Write the image or the archive of the release, if `server.start` needs it.

    Return the written files as {path: SHA-256}. Raises Problem.
    """
    start = site.server.start
    if start == "direct":
        return {}
    with step(f"Writing the release as one file (server.start: {start})") as progress:
        draft = site.paths.prefix / ".cache" / "release.part"
        draft.unlink(missing_ok=True)
        (_write_image if start == "image" else _write_archive)(release.path, draft)
        size = (release.path / FILES[start][0]).stat().st_size
        progress.done(f"{size // 10**6} MB")
    return {str(path): _digest(release.path / path) for path in FILES[start]}


def pack_whole(site: Site, release: Release) -> Release:
    """Write the image or the archive of a release that is already complete.

    Adding the image or the archive is the only change of files that sitekit makes in a complete
    release.
    """
    written = pack(site, release)
    set_modes(release.path)
    return note(release, own={**release.facts.get("own", {}), **written})


def _write_image(prefix: Path, draft: Path) -> None:
    """Write the SquashFS image of the release. The image has the name `draft` until the image is
    complete.

    The image is compressed with zstd, because such an image is small and fast to read. squashfuse,
    and Linux since 4.14, can read zstd.
    """
    mksquashfs = shutil.which("mksquashfs", path=f"{os.defpath}:/usr/sbin:/sbin")
    if mksquashfs is None:
        raise Problem(
            "mksquashfs is not installed, and server.start is image",
            str(prefix),
            "install the package squashfs-tools, or set server.start: direct in site.yml",
        )
    argv: Argv = [mksquashfs, prefix, draft, "-noappend", "-no-progress", "-quiet", "-no-xattrs"]
    shared: Argv = ["-all-root", "-comp", "zstd", "-Xcompression-level", "3"]
    with tempfile.NamedTemporaryFile("w", suffix=".sort") as order:
        order.writelines(
            f"{path} {30000 - place}\n" for place, path in enumerate(_read_first(prefix))
        )
        order.flush()
        shared = [*shared, "-sort", order.name]
        run([*argv, *shared, "-e", *sorted(LEFT_OUT)], timeout=1800)
    os.replace(draft, prefix / IMAGE)
    sizes = _size_of_first(prefix, _read_first(prefix)), _size_of_tables(prefix / IMAGE)
    write_atomic(prefix / IMAGE_SUM, f"{_digest(prefix / IMAGE)} {sizes[0]} {sizes[1]}\n")


def _size_of_first(prefix: Path, paths: list[str]) -> int:
    """Return approximately how many bytes these files need in the image. These files are the first
    files in the image.

    The size is computed with zlib, which compresses nearly as well as zstd.
    """
    size = 0
    for path in paths:
        with (prefix / path).open("rb") as file:
            while block := file.read(BLOCK):
                size += min(len(block), len(zlib.compress(block, 6)))
    return size


def _size_of_tables(image: Path) -> int:
    """Return the length of the last part of the image, which contains the tables of inodes and
    names. The 8 bytes from byte 64 of the image contain the position of the first table
    (https://dr-emann.github.io/squashfs)."""
    with image.open("rb") as file:
        [begin] = struct.unpack_from("<Q", file.read(96), 64)
    return image.stat().st_size - begin


def _read_first(prefix: Path) -> list[str]:
    """Return the files that each start of a server reads. In the image, these files are side by
    side. Therefore Linux can read several of these files at once."""
    inside = [f"{folder}/{pattern}" for pattern in FIRST_OF_PACKAGES for folder in PACKAGES]
    found = [path for pattern in (*FIRST, *inside) for path in sorted(prefix.glob(pattern))]
    files = [path for path in found if path.is_file() and not path.is_symlink()]
    paths = [str(path.relative_to(prefix)) for path in files]
    with suppress(FileNotFoundError):  # the release has no server
        with (prefix / FILE).open("rb") as file:
            index = json.loads(file.readline())
        modules, bytecode = index["modules"].values(), list(index["bytecode"])
        # until release_modules.py is imported, Python reads the bytecode files themselves
        last = [at for at, path in enumerate(bytecode) if "/release_modules." in path]
        libraries = [place for place, _ in modules if not place.endswith(".py")]
        paths = [*bytecode[: sum(last) + 1], FILE, *libraries, *paths]
    # a name with a space would need an escape in mksquashfs's list; such files are not needed
    return [path for path in dict.fromkeys(paths) if len(path.split()) == 1][:20000]


def _write_archive(prefix: Path, draft: Path) -> None:
    """Write the archive of the release, and a second file with one line. The line has the archive's
    SHA-256, the unpacked size in kB, and the number of files in the archive."""
    left_out = [f"--exclude=./{path}" for path in sorted(LEFT_OUT)]
    argv: Argv = ["tar", "--create", "--file", draft, "--use-compress-program=gzip -3"]
    owner: Argv = ["--owner=0", "--group=0", "--numeric-owner", "--anchored", *left_out]
    run([*argv, *owner, "-C", prefix, "."], timeout=1800)
    os.replace(draft, prefix / ARCHIVE)
    size = count = 0
    for folder, _, names in os.walk(prefix):
        for name in names:
            path = Path(folder, name)
            if str(path.relative_to(prefix)) not in LEFT_OUT and not path.is_symlink():
                size, count = size + path.stat().st_blocks // 2, count + 1
    write_atomic(prefix / ARCHIVE_SUM, f"{_digest(prefix / ARCHIVE)} {size} {count}\n")


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1024**2):
            digest.update(block)
    return digest.hexdigest()
