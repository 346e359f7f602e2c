"""Build the demo's modules and the software that they load."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...base.run_program import run
from ...site import Site
from ..cluster import paths_and_ports
from ..cluster.record_changes import Made
from .build_pythons import SYSTEM, Python, make_previous_python, make_system_python, system_version
from .modulefiles import BROKEN, modulefiles
from .platform import Distribution, table


def ensure_modules(site: Site, linux: Distribution, made: Made) -> None:
    """Build the missing software, and write the module tree. Raises CommandFailed if a command of
    the build fails.

    Software that is already complete is not built again. Only root can call this function.
    """
    tree, software = paths_and_ports.modules(site), paths_and_ports.software(site)
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
    """Return the version of the distribution's R, such as `4.2`.

    The function reads the version from dpkg, because a start of R takes half a second.
    """
    output = run(["dpkg-query", "-W", "-f", "${Version}", "r-base-core"]).stdout
    version = re.match(r"\d+\.\d+", output)
    if version is None:
        raise Problem(
            f"dpkg prints no version of R: {output}", "r-base-core", "dpkg --status r-base-core"
        )
    return version[0]


def _ensure_python(
    software: Path, version: str, which: str, make: Callable[[Path], Python]
) -> Python:
    """Return a Python installation. If the installation is missing or incomplete, build it with the
    function `make`.

    The file `.complete` marks a complete Python. If a folder has no file `.complete`, an earlier
    run was interrupted, and the Python is built again. A Python is built at its final path, because
    a virtual environment contains its own path and cannot be moved.
    """
    folder = software / "python" / version
    mark = folder / ".complete"
    if mark.exists():
        libraries = mark.read_text()
        return Python(version, folder, Path(libraries) if libraries else None)
    shutil.rmtree(folder, ignore_errors=True)
    _folders(folder)
    with step(f"Python {version} with ipykernel ({which})"):
        python = make(folder)
        _readable(folder)
    mark.write_text(str(python.libraries or ""))
    return python


def _ensure_previous(software: Path, entry: dict[str, Any], linux: Distribution) -> list[Python]:
    try:
        make = partial(make_previous_python, entry=entry, codename=linux.codename)
        return [_ensure_python(software, entry["python"], f"from {entry['release']}", make)]
    except Problem as problem:
        say(
            f"    The demo continues with one Python: that of {entry['release']} could not be downloaded. {problem}"
        )
        return []


def _readable(folder: Path) -> None:
    """Set the modes with which every user can read the folder, and only root can write to it,
    whatever the umask was."""
    run(["chmod", "-R", "u=rwX,go=rX", folder])


def _folders(*paths: Path) -> None:
    for path in paths:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def _ensure_links(folder: Path, links: dict[str, str]) -> None:
    _folders(folder.parent, folder)
    for name, target in links.items():
        if not os.path.lexists(folder / name):
            (folder / name).symlink_to(target)


def _ensure_tools(folder: Path) -> None:
    _folders(folder.parent, folder)
    write_atomic(
        folder / "where-am-i",
        '#!/bin/sh\necho "job ${SLURM_JOB_ID:-none} on ${SLURMD_NODENAME:-$(hostname)}"\n',
        mode=0o755,
    )
