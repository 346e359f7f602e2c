"""Read data of the demo's processes, as root.

Processes of other sites, and other programs of the same name, may run at the same time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sitekit.site import Site

from .slurm import until


def processes() -> Iterator[Path]:
    """Yield the folders in /proc of the processes of this machine.

    /proc also has the processes of the machines that other tests boot, with the same users, jobs
    and sites.
    """
    here = os.readlink("/proc/self/ns/pid")
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(folder / "ns/pid") == here:
                yield folder


def has_ended(pid: int | str) -> bool:
    """Whether a process has ended; its parent may not have read its exit code yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] in "ZX"


def words_of(process: Path) -> list[str]:
    """Return the command line of a process; empty if the process has ended."""
    try:
        return (process / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def environment_of(process: int | str) -> dict[str, str]:
    """Return the environment with which a process was started."""
    text = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
    return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def culler_token(site: Site) -> str:
    """Return the API token of this site's idle-culler, as soon as the hub has started it."""
    return str(until(lambda: _culler_token(site)))


def _culler_token(site: Site) -> str:
    """Return the token; empty if no culler has the address of this site's hub."""
    for folder in processes():
        with contextlib.suppress(OSError):
            if b"jupyterhub_idle_culler" not in (folder / "cmdline").read_bytes():
                continue
            given = environment_of(folder.name)
            if (
                f":{site.hub.port}/" in given.get("JUPYTERHUB_API_URL", "")
                and "JUPYTERHUB_API_TOKEN" in given
            ):
                return given["JUPYTERHUB_API_TOKEN"]
    return ""
