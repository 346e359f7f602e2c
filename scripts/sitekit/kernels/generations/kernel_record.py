"""A kernel as it is probed, written, proven and recorded; plain data, so that a generation can
carry it as JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Stamp = list[int] | None


@dataclass(frozen=True)
class Kernel:
    """`envkernel` are the words from which envkernel makes such a kernel, `launch` the launcher's
    instructions; `spec` goes into kernel.json, `expect` is what it must report; `found` is one that
    kernels.yml does not name.

    `key` sums up how it was asked for; `watch` holds the files that it was made from, with their
    stamps at the probe.
    """

    id: str
    label: str
    title: str
    language: str
    detail: str
    logo: str
    key: str
    check: str | None
    envkernel: list[str]
    launch: dict[str, Any]
    spec: dict[str, Any]
    expect: dict[str, str]
    watch: dict[str, Stamp]
    found: bool = False

    def titled(self, title: str) -> Kernel:
        return replace(self, launch={**self.launch, "title": title})

    @property
    def shown(self) -> str:
        """The title in the launcher: `title`, with the module behind it where two kernels have the
        same."""
        return self.launch["title"]


def stamp(path: str) -> Stamp:
    """What changes when the file or folder does; None if it is not there."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, 0 if os.path.isdir(path) else info.st_size]


def stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    return {path: stamp(path) for path in sorted(set(paths)) if path}


def is_unchanged(watch: Mapping[str, Stamp]) -> bool:
    return all(stamp(path) == seen for path, seen in watch.items())


def told_apart(kernels: Iterable[Kernel]) -> list[Kernel]:
    """The kernels with titles of which no two are alike."""
    kernels = list(kernels)
    count = Counter(kernel.title for kernel in kernels)
    return [k.titled(k.title if count[k.title] == 1 else f"{k.title} ({k.label})") for k in kernels]
