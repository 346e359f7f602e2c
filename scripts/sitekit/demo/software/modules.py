"""Build the demo's modules and their software. Finished software is kept."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ...base.command import run
from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...site import Site
from ..cluster import layout
from ..cluster.record import Made
from .modulefiles import BROKEN, modulefiles
from .platform import Distribution, table
from .pythons import SYSTEM, Python, make_previous_python, make_system_python, system_version


def ensure_modules(site: Site, linux: Distribution, made: Made) -> None:
    """Build what is missing, and write the module tree. Needs root. Raises CommandFailed."""
    tree, software = layout.modules(site), layout.software(site)
    made.claim("directories", tree, software)
    _folders(software, tree)
    version, r = system_version(), r_version()
    pythons = [
        _ensure_python(
            software, version, "the distribution's", partial(make_system_python, version=version)
        )
    ]
    if entry := table()["previous"].get(linux.codename):
        pythons += _ensure_previous(software, entry, linux)
    _ensure_links(software / "r" / r / "bin", {"R": "/usr/bin/R", "Rscript": "/usr/bin/Rscript"})
    _ensure_links(software / BROKEN / "bin", {"python": str(SYSTEM), "python3": str(SYSTEM)})
    _ensure_tools(software / "tools" / "1.0" / "bin")
    libraries = {python.version: python.libraries for python in pythons}
    for path, text in modulefiles(tree, software, libraries, version, r).items():
        _folders(path.parent)
        if not path.exists() or path.read_text() != text:
            write_atomic(path, text)


def r_version() -> str:
    """Return the version of the distribution's R, such as `4.2`, from dpkg.

    R itself takes half a second to print it.
    """
    said = run(["dpkg-query", "-W", "-f", "${Version}", "r-base-core"]).stdout
    found = re.match(r"\d+\.\d+", said)
    if found is None:
        raise Problem(
            f"dpkg tells no version of R: {said}", "r-base-core", "dpkg --status r-base-core"
        )
    return found[0]


def _ensure_python(
    software: Path, version: str, which: str, make: Callable[[Path], Python]
) -> Python:
    """Return a Python, built if its folder has no mark `.complete`.

    An environment cannot be moved, so it is built in its final folder. A folder without the mark
    was left by an interrupted run, and is built again.
    """
    folder = software / "python" / version
    mark = folder / ".complete"
    if mark.exists():
        return Python(version, folder, Path(said) if (said := mark.read_text()) else None)
    shutil.rmtree(folder, ignore_errors=True)
    _folders(folder)
    with step(f"Python {version} with ipykernel ({which})"):
        python = make(folder)
        _readable(folder)
    mark.write_text(str(python.libraries or ""))
    return python


def _ensure_previous(software: Path, entry: dict[str, Any], linux: Distribution) -> list[Python]:
    """Return the Python of the previous distribution; none if it cannot be downloaded."""
    try:
        make = partial(make_previous_python, entry=entry, codename=linux.codename)
        return [_ensure_python(software, entry["python"], f"from {entry['release']}", make)]
    except Problem as problem:
        say(
            f"    The demo goes on with one Python: that of {entry['release']} could not be had. {problem}"
        )
        return []


def _readable(folder: Path) -> None:
    """Set modes so that users can read the folder and only root can write to it."""
    run(["chmod", "-R", "u=rwX,go=rX", folder])


def _folders(*paths: Path) -> None:
    """Create folders with mode 0755."""
    for path in paths:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def _ensure_links(folder: Path, links: dict[str, str]) -> None:
    """Create a folder with symbolic links."""
    _folders(folder.parent, folder)
    for name, target in links.items():
        if not os.path.lexists(folder / name):
            (folder / name).symlink_to(target)


def _ensure_tools(folder: Path) -> None:
    """Create the tools of the module `tools`."""
    _folders(folder.parent, folder)
    write_atomic(
        folder / "where-am-i",
        '#!/bin/sh\necho "job ${SLURM_JOB_ID:-none} on ${SLURMD_NODENAME:-$(hostname)}"\n',
        mode=0o755,
    )
