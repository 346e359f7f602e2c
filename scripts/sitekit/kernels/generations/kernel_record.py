"""Define the class with the data of one kernel. sitekit uses these data from the first test of the
kernel until users see the kernel.

The class has only plain data. Therefore a generation can store each kernel as JSON.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Stamp = list[int] | None


@dataclass(frozen=True)
class Kernel:
    """Hold the data of one kernel.

    `envkernel` is the command line with which envkernel makes this kernel. `launch` has the
    instructions for kernels/launch.py, which starts the kernel. `spec` has additional keys of
    kernel.json. `expect` has the values that the kernel must report when it is started. `found` is
    true if the kernel's module was discovered and kernels.yml does not name the module. `key` is a
    digest of the rules by which the kernel was made. `watch` maps the files from which the kernel
    was made to their change time and size at the first test.
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
        """Return a copy of the kernel with another title."""
        launch = {**self.launch, "title": title}
        return replace(self, launch=launch)

    @property
    def shown(self) -> str:
        """Return the title that the launcher of JupyterLab shows.

        If two kernels have the same `title`, the shown title also contains the module's name.
        """
        return self.launch["title"]


def stamp(path: str) -> Stamp:
    """Return the change time (in ns) and the size of a file or folder. The size of a folder counts
    as 0. If the path does not exist, return None."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return [info.st_mtime_ns, 0 if os.path.isdir(path) else info.st_size]


def stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    """Return a map of each path to the file's change time (in ns) and size, or to None if the file
    does not exist."""
    return {path: stamp(path) for path in sorted(set(paths)) if path}


def is_unchanged(watch: Mapping[str, Stamp]) -> bool:
    """Return whether all files are unchanged since the kernel's first test. `watch` maps each path
    to the file's earlier stamp (change time and size)."""
    return all(stamp(path) == seen for path, seen in watch.items())


def with_distinct_titles(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return all kernels with different titles. If two kernels have the same title, the name of the
    kernel's module is added to each of the two titles."""
    kernels = list(kernels)
    count = Counter(kernel.title for kernel in kernels)
    return [k.titled(k.title if count[k.title] == 1 else f"{k.title} ({k.label})") for k in kernels]
