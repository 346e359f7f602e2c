"""Count how often Linux has killed a program of this server for lack of memory."""

from __future__ import annotations

import re
from pathlib import Path

OF_THIS_PROCESS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def killed() -> int | None:
    """Return the number of programs killed so far; None if the node's kernel does not report this
    number. The number comes from the cgroup of the job's task, which contains all programs of the
    server.
    """
    try:
        lines = [line.split(":", 2) for line in OF_THIS_PROCESS.read_text().splitlines()]
        places = {controllers: path.lstrip("/") for _, controllers, path in lines}
        if "memory" in places:  # cgroup v1
            file = CGROUPS / "memory" / places["memory"] / "memory.oom_control"
            if not file.exists():  # in a container, which sees its own cgroup at the top
                file = CGROUPS / "memory" / "memory.oom_control"
        else:
            file = CGROUPS / places[""] / "memory.events"
        count = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
    except (OSError, ValueError, KeyError):
        return None
    return int(count[1]) if count else None
