"""Unpack a bundle for `make setup_conda BUNDLE=file`, and verify the checksums of all files in the
bundle.

Nothing is downloaded, because bundles are for sites without a network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from ...base.errors import BadInput, Problem
from ...base.progress import step
from ..channel.solve_environment import Solution, head_of, read
from ..release.install_packages import wheels_name
from ..wheels.environment_yml import Packages
from .write_bundle import HERE, LOCK, SUMS

_TAKEN = ("channel/", "wheels/", LOCK)


def read_bundle(file: Path, packages: Packages, cache: Path) -> Solution:
    """Unpack the bundle's packages into the cache, and return the solution that the bundle
    contains.

    Raises Problem if the bundle is damaged or incomplete.
    """
    work = cache / "unbundle.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    with step(f"Unpacking {file}") as s:
        digest = _unpack(file, work)
        s.done("every checksum is right")
    text = (work / LOCK).read_text()
    head = head_of(text)
    if head["dependencies"] != packages.digest:
        raise BadInput(
            "was made from another environment.yml",
            str(file),
            "use the copy of sitekit in the bundle (kit/)",
        )
    channel = cache / f"channel-bundle-{digest[:16]}"
    if not channel.is_dir():
        os.rename(work / "channel", channel)
    if head["pip"] and not (cache / wheels_name(head["pip"])).is_dir():
        os.rename(work / "wheels", cache / wheels_name(head["pip"]))
    shutil.rmtree(work)
    head |= {"channels": [channel.as_uri()], "told": f"From a bundle: {head['told']}"}
    return read(
        text.replace(f"file://{HERE}", channel.as_uri()).replace(HERE, str(channel)), head, cache
    )


def _unpack(file: Path, work: Path) -> str:
    """Unpack the files of the bundle that an installation needs into the directory `work`.

    Return the SHA-256 of the bundle's list of checksums.
    """
    try:
        with tarfile.open(file) as archive:
            first = archive.next()
            content = _regular(archive, first)
            if first is None or first.name != SUMS or content is None:
                raise Problem(
                    "is not a bundle made by sitekit", str(file), "make one with: make bundle"
                )
            listed = content.read()
            sums = _sums(listed.decode())
            while member := archive.next():
                _take(archive, member, sums, work, file)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise Problem(f"cannot be read: {error}", str(file), "copy it again") from None
    if sums:
        raise Problem(f"is incomplete: {len(sums)} files are missing", str(file), "copy it again")
    return hashlib.sha256(listed).hexdigest()


def _regular(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> IO[bytes] | None:
    """Return the content of an entry of the tar file. If the entry is not a regular file (for
    example a link or a directory), return None."""
    return archive.extractfile(member) if member and member.isreg() else None


def _sums(text: str) -> dict[str, str]:
    """Return the checksums in a SHA256SUMS file, as a map of file names to SHA-256.

    Raises ValueError if the text is not a list of checksums.
    """
    sums = {}
    for line in text.splitlines():
        digest, name = line.split("  ", 1)
        sums[name] = digest
    return sums


def _take(
    archive: tarfile.TarFile, member: tarfile.TarInfo, sums: dict[str, str], work: Path, file: Path
) -> None:
    path = PurePosixPath(member.name)
    content = _regular(archive, member)
    if content is None or path.is_absolute() or ".." in path.parts or member.name not in sums:
        raise Problem(
            f"holds {member.name!r}, which is not in its list",
            str(file),
            "make it again with: make bundle",
        )
    data = content.read()
    if hashlib.sha256(data).hexdigest() != sums.pop(member.name):
        raise Problem(
            f"is damaged: {member.name} does not have its checksum", str(file), "copy it again"
        )
    if member.name.startswith(_TAKEN):
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
