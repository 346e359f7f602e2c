"""Define the data class of one kernel, which generation.json stores as JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Stamp = list[int] | None


@dataclass(frozen=True)
class Kernel:
    """Describe one kernel, from its probe until it is published.

    `envkernel` holds the mode and the arguments of envkernel. `launch` holds the instructions for
    the launcher. `spec` is added to kernel.json. `expect` holds the interpreter, the modules and
    the library that the running kernel must report. `found` means that kernels.yml does not name
    the kernel. `key` is a digest of the rules and settings from which the kernel was made. `watch`
    holds the files that the kernel depends on, with their stamps at the time of the probe.
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
        """Return a copy of the kernel with another title in the launcher."""
        return replace(self, launch={**self.launch, "title": title})

    @property
    def shown(self) -> str:
        """Return the title that JupyterLab's launcher shows.

        If two kernels have the same title, the module's name is added to it.
        """
        return self.launch["title"]


def stamp(path: str) -> Stamp:
    """Return the time of the last change and the size of a path, None if it does not exist.

    The size of a folder is given as 0.
    """
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, 0 if os.path.isdir(path) else info.st_size]


def stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    """Return the stamp of each path."""
    return {path: stamp(path) for path in sorted(set(paths)) if path}


def is_unchanged(watch: Mapping[str, Stamp]) -> bool:
    """Return whether all paths still have the stamps that `watch` holds."""
    return all(stamp(path) == seen for path, seen in watch.items())


def told_apart(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return the kernels, with the label added to each title that several kernels have."""
    kernels = list(kernels)
    count = Counter(kernel.title for kernel in kernels)
    return [k.titled(k.title if count[k.title] == 1 else f"{k.title} ({k.label})") for k in kernels]
