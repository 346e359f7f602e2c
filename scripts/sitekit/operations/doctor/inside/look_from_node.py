"""Test, in a short job of a user on a compute node, whether the hub, the release, the kernels and
the home can be used.

The argument is one JSON object: `hub` (address and port), `release` (the folder of `current`),
`kernels` (the folder of the published kernels) and `names` (host names). The program prints one
line with a JSON object. In this object, `hub`, `release`, `kernels` and `home` describe a fault, or
are "" if there is no fault. `names` has the host names that the node cannot resolve. The program
needs Python 3.6 or later on the node.
"""

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time
from typing import Iterator, List, Optional, Sequence  # Python 3.6

HUGE = 2**60


def hub(address: str, port: int) -> str:
    """Connect to the hub's port. Return "" if the test succeeds, or else the reason of the
    failure."""
    try:
        socket.create_connection((address, port), 5).close()
    except OSError as error:
        return f"{address}, port {port}: {error}"
    return ""


def release(folder: str) -> str:
    """Run the release's Python. Return "" if the test succeeds, or else the reason of the
    failure."""
    python = os.path.join(folder, "bin", "python")
    try:
        done = subprocess.run(
            [python, "-I", "-c", "import sitekit.session.server"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=40,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return f"{python} took longer than 40 s"
    except OSError as error:
        return f"{python}: {error.strerror}"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines or [f"it ended with {done.returncode}"])[-1] if done.returncode else ""


def listed(folder: str) -> str:
    """List the files in a folder. Return "" if the test succeeds, or else the reason of the
    failure."""
    try:
        os.listdir(folder)
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return ""


def home() -> str:
    """Write to a temporary file without a name in the home. Return "" if the test succeeds, or else
    the reason of the failure."""
    place = pwd.getpwuid(os.getuid()).pw_dir
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return f"{place}: {error.strerror}"
    return ""


def unknown(names: List[str]) -> List[str]:
    """Return the host names that the node cannot resolve."""
    missing = []
    for name in names:
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            missing.append(name)
    return missing


def memory() -> Optional[int]:
    """Return the memory limit of this job's cgroup in bytes (cgroups(7)); None if there is no
    limit."""
    limits = []  # type: List[int]
    with open("/proc/self/cgroup") as rows:
        for row in rows:
            number, kinds, path = row.strip().split(":", 2)
            if number == "0" and not kinds:
                limits += upwards("/sys/fs/cgroup", path, ("memory.max", "memory.high"))
            elif "memory" in kinds.split(","):
                limits += upwards("/sys/fs/cgroup/memory", path, ("memory.limit_in_bytes",))
    limits = [limit for limit in limits if limit < HUGE]
    return min(limits) if limits else None


def upwards(top: str, path: str, names: Sequence[str]) -> Iterator[int]:
    """Yield the memory limits of the cgroup `path` and of all cgroups that contain this cgroup.
    `top` is the folder of the topmost cgroup. The files `names` contain the limits."""
    parts = [part for part in path.split("/") if part]
    for count in range(len(parts), -1, -1):
        for name in names:
            try:
                with open(os.path.join(top, *parts[:count], name)) as file:
                    text = file.read().strip()
            except OSError:
                continue
            if text.isdigit():
                yield int(text)


def main() -> None:
    """Read the request from the argument, and print the answer."""
    request = json.loads(sys.argv[1])
    answer = {
        "host": socket.gethostname(),
        "clock": time.time(),
        "hub": hub(*request["hub"]),
        "release": release(request["release"]),
        "kernels": listed(request["kernels"]),
        "home": home(),
        "names": unknown(request["names"]),
        "memory": memory(),
    }
    print(json.dumps(answer))


main()
