"""Check the files of an image: which accounts can change the files, whether the digest is the
`digest` in site.yml, and whether the files have changed since the test."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import Problem
from ...session.containers.container import stamp
from ...site.sections.images import Image
from ..check_writers import refuse_writable

CHUNK = 1024**2
OF_SYSTEM = ("", "etc", "usr/bin", "usr/local/bin")
"""Some folders of an unpacked image. If one of these folders changes, the image has to be tested
again."""


class Unproven(Exception):
    """Report why users are not allowed to start an image, and what the administrator can do."""


def check_files(image: Image, owner: int) -> None:
    """Check that the image exists, that only root and `owner` (a uid) can change it, and that it
    has the site's digest.

    Raises Unproven.
    """
    if not image.path.exists():
        raise Unproven(f"{image.path} is missing")
    try:
        refuse_writable([image.path], (), [owner])
    except Problem as problem:
        listed = problem.what.partition("\n")[2].strip()
        raise Unproven(
            f"whoever can write these can run code as every user of the image: {listed}"
        ) from None
    if image.path.is_dir() and (writable := next(_writable(image.path, owner), None)):
        raise Unproven(
            f"{writable} can be changed by other accounts than root and the owner of the prefix; "
            "run: chown -R and chmod -R go-w"
        )
    if image.digest:
        _check_digest(image)


def _writable(top: Path, owner: int) -> Iterator[str]:
    """Yield files and folders of an image that an account other than root and `owner` can write.

    Folders with the sticky bit, such as /tmp, are omitted, because the container gets its own /tmp.
    """
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            mode = status.st_mode
            if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
                continue
            others = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and status.st_gid != 0)
            if others or status.st_uid not in (0, os.geteuid(), owner):
                yield path


def _check_digest(image: Image) -> None:
    """Compare the SHA-256 of the image file with the `digest` in site.yml. Raises Unproven if the
    digests differ."""
    if image.path.is_dir():
        raise Unproven("a directory has no digest; remove the key digest from the site file")
    total = hashlib.sha256()
    with image.path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    if f"sha256:{total.hexdigest()}" != image.digest:
        raise Unproven(
            f"its digest is sha256:{total.hexdigest()}, not that of the site file; "
            "install the right file, or correct digest"
        )


def stamps(image: Image, folders: list[str]) -> dict[str, list[int] | None]:
    """Return a map of the image's paths to their size, time of change and inode. After a change of
    the image, these values differ.

    If the image is one file, the map contains only this file. If the image is a directory, the
    paths are the directory, the folders of its programs, its Python, and the `folders` of Python's
    packages. A server's job compares the values with the recorded values at each start.
    """
    top = os.path.realpath(image.path)
    if not os.path.isdir(top):
        return {top: stamp(top)}
    python = str(image.python).lstrip("/")
    places = {*OF_SYSTEM, python, os.path.dirname(python), *(one.lstrip("/") for one in folders)}
    return {path: stamp(path) for path in sorted(os.path.join(top, p).rstrip("/") for p in places)}
