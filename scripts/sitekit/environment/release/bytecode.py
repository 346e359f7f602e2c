"""The bytecode of a release, which rattler leaves out and which nobody could write later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ...base.child import mortal
from ...base.command import run
from .releases import Release

UNCHECKED = ("--invalidation-mode", "unchecked-hash")


def compile_all(release: Release, before: Release | None = None) -> int:
    """Compile every source; return the number of compiled files. What is no Python 3 (templates) is
    passed over.

    Without bytecode every start of a server compiles all again. It holds whatever the times of its
    sources: they are never changed, and times do not survive every copy. A source that is the same
    file in the release `before` has its bytecode there already. Paths in it are relative; Python
    puts the full ones in when it loads it (PEP 3147).
    """
    sources = list(_sources(release))
    if before and _python(before) == _python(release):
        sources = [source for source in sources if not _shared(source, release, before)]
    count = os.cpu_count() or 1
    # Not compileall's own -j: its workers outlive it when it is killed, for ever.
    compiler = mortal(
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
    return [
        folder
        for pattern in ("lib/python3*", "local/lib/python3*")
        for folder in release.path.glob(pattern)
    ]


def _sources(release: Release) -> Iterator[Path]:
    for folder in _folders(release):
        yield from folder.rglob("*.py")


def _python(release: Release) -> list[str]:
    """Which build of Python compiles: another one writes other bytecode."""
    return [
        f"{p['version']} {p['build']} {p['sha256']}"
        for p in release.facts["packages"]
        if p["name"] == "python"
    ]


def _shared(source: Path, release: Release, before: Release) -> bool:
    """Link the bytecode of `source` from the other release, where both have the very same file from
    the cache."""
    twin = before.path / source.relative_to(release.path)
    with suppress(OSError):
        if os.path.samefile(source, twin):
            compiled = list((twin.parent / "__pycache__").glob(f"{twin.stem}.cpython-*.pyc"))
            (source.parent / "__pycache__").mkdir(exist_ok=True)
            for file in compiled:
                os.link(file, source.parent / "__pycache__" / file.name)
            return bool(compiled)
    return False
