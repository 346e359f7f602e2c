"""Compile the Python files of a release to bytecode.

The installer rattler does not compile Python files. Later, Python cannot write bytecode, because a
finished release is read-only for users.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ...base.module_in_child_process import end_with_this_process
from ...base.run_program import run
from .releases import Release

UNCHECKED = ("-f", "--invalidation-mode", "unchecked-hash")
"""Options of compileall. While packages were installed, programs of the release have written
bytecode. At each import of this bytecode, Python would compare the recorded time with the time of
the source file. The option -f replaces this bytecode. With the other options, Python does not
compare the times of the new bytecode."""


def compile_all(release: Release, before: Release | None = None) -> int:
    """Compile all Python files of the release to bytecode. Return the number of bytecode files in
    the release.

    Files that are not valid Python 3, such as templates, are ignored. Without bytecode, each start
    of a server would compile all files again.

    Because the bytecode does not contain the times of the source files, the bytecode stays valid in
    a copy of the release. If a source file and the same file of the earlier release `before` are
    hard links to one file, this function also makes a hard link to the bytecode of the earlier
    release. Paths in the bytecode are relative. Python completes the relative paths in bytecode
    when it loads the bytecode (PEP 3147).
    """
    sources = list(_sources(release))
    if before and _python(before) == _python(release):
        sources = [source for source in sources if not _shared(source, release, before)]
    count = os.cpu_count() or 1
    # The option -j of compileall is not used, because its worker processes would still run after
    # compileall was killed.
    compiler = end_with_this_process(
        [release.python, "-I", "-m", "compileall", "-qq", *UNCHECKED, "-s", release.path, "-i", "-"]
    )
    shares = ["\n".join(map(str, sources[start::count])) for start in range(count)]
    with ThreadPoolExecutor(count) as pool:
        list(
            pool.map(
                lambda share: run(compiler, stdin=share, check=False, timeout=900),
                filter(None, shares),
            )
        )
    return sum(1 for folder in _folders(release) for _ in folder.rglob("*.pyc"))


def _folders(release: Release) -> list[Path]:
    """Return the folders that contain Python modules."""
    return [
        folder
        for pattern in ("lib/python3*", "local/lib/python3*")
        for folder in release.path.glob(pattern)
    ]


def _sources(release: Release) -> Iterator[Path]:
    """Yield the Python source files of a release."""
    for folder in _folders(release):
        yield from folder.rglob("*.py")


def _python(release: Release) -> list[str]:
    """Return version, build and hash of the release's Python. Another build of Python can write
    different bytecode."""
    return [
        f"{p['version']} {p['build']} {p['sha256']}"
        for p in release.facts["packages"]
        if p["name"] == "python"
    ]


def _shared(source: Path, release: Release, before: Release) -> bool:
    """Make a hard link to the bytecode of `source` in the earlier release `before`. Return whether
    the link could be made.

    The bytecode can be shared only if the source files of both releases are hard links to the same
    file in the cache.
    """
    twin = before.path / source.relative_to(release.path)
    with suppress(OSError):
        if os.path.samefile(source, twin):
            compiled = list((twin.parent / "__pycache__").glob(f"{twin.stem}.cpython-*.pyc"))
            if not all(map(_is_unchecked, compiled)):
                return False
            (source.parent / "__pycache__").mkdir(exist_ok=True)
            for file in compiled:
                os.link(file, source.parent / "__pycache__" / file.name)
            return bool(compiled)
    return False


def _is_unchecked(compiled: Path) -> bool:
    """Return whether Python uses this bytecode without checking the source file (PEP 552)."""
    with compiled.open("rb") as file:
        return file.read(8)[4:] == b"\1\0\0\0"
