"""Read from the cgroup (of version 1 or 2) how much memory this server's job uses, and the limit of
the job's memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

OF_THIS_PROCESS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
NO_LIMIT = 2**60
"""Version 1 writes a number near 2**63 for a cgroup without a limit."""


@dataclass(frozen=True)
class Files:
    """Name the files of one version of cgroups (cgroups(7)).

    The file `memory.stat` contains, under the key `cache`, the size of the file cache. Linux frees
    the file cache of a cgroup before Linux kills a process of the cgroup.
    """

    used: str
    limit: str
    peak: str
    events: str
    cache: str


VERSIONS = {
    1: Files(
        "memory.usage_in_bytes",
        "memory.limit_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
        "total_inactive_file",
    ),
    2: Files("memory.current", "memory.max", "memory.peak", "memory.events", "inactive_file"),
}


@dataclass(frozen=True)
class Memory:
    """Hold the memory figures of the job, in bytes. A figure that Linux does not report is None."""

    used: int | None = None
    limit: int | None = None
    peak: int | None = None


def find() -> tuple[Path, Path, Files] | None:
    """Return the folder of this process's cgroup, the top folder of all cgroups, and the names of
    the cgroup's files.

    Returns None if the node has no cgroup for memory.
    """
    try:
        lines = [line.split(":", 2) for line in OF_THIS_PROCESS.read_text().splitlines()]
        places = {controllers: path.lstrip("/") for _, controllers, path in lines}
    except (OSError, ValueError):
        return None
    if "memory" in places:
        top, place, files = CGROUPS / "memory", places["memory"], VERSIONS[1]
    elif "" in places:
        top, place, files = CGROUPS, places[""], VERSIONS[2]
    else:
        return None
    folder = top / place
    # a container sees its own cgroup at the top of the hierarchy
    return (folder if (folder / files.events).exists() else top), top, files


def memory() -> Memory:
    """Return the memory figures of the cgroup with the lowest limit. All cgroups from this
    process's cgroup to the top of the hierarchy are compared.

    Slurm limits the memory of the job and of its step. The limit of the job also counts programs
    that `srun --overlap` starts.
    """
    if (found := find()) is None:
        return Memory()
    folder, top, files = found
    places = [folder, *(parent for parent in folder.parents if parent.is_relative_to(top))]
    limits = {place: limit for place in places if (limit := _limit(place / files.limit))}
    lowest = min(limits.values(), default=None)
    # if several cgroups have this limit, the highest cgroup counts the most programs
    place = [one for one, limit in limits.items() if limit == lowest][-1] if limits else folder
    used = _number(place / files.used)
    if used is not None:
        used = max(0, used - _cache(place / "memory.stat", files.cache))
    return Memory(used, lowest, _number(place / files.peak))


def killed() -> int | None:
    """Return how many programs of this server Linux has killed for lack of memory.

    Returns None if the node's kernel does not report the number. The number comes from the cgroup
    of the job's task, which contains all programs of the server.
    """
    if (found := find()) is None:
        return None
    folder, _, files = found
    return _value(folder / files.events, "oom_kill")


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _limit(file: Path) -> int | None:
    limit = _number(file)  # version 2 writes `max` if there is no limit
    return limit if limit and limit < NO_LIMIT else None


def _cache(file: Path, key: str) -> int:
    return _value(file, key) or 0


def _value(file: Path, key: str) -> int | None:
    """Return the number after the word `key`. The file of the cgroup has lines such as `oom_kill
    3`."""
    try:
        found = re.search(rf"^{key} (\d+)$", file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
