"""Write small wrapper scripts to PREFIX/share/sitekit/bin, for the release's commands that users
run in terminals.

Each wrapper script, such as `sitekit-kernel` or `nbdiff`, starts a program of the release. Modules
that a user has loaded can set LD_LIBRARY_PATH or LD_PRELOAD. With these variables, the release's
Python would load wrong libraries. Therefore the wrapper script removes the two variables.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ...base.files import write_atomic

NBDIME = {
    "nbdiff": "nbdime.nbdiffapp",
    "nbmerge": "nbdime.nbmergeapp",
    "nbshow": "nbdime.nbshowapp",
    "git-nbdiffdriver": "nbdime.vcs.git.diffdriver",
    "git-nbmergedriver": "nbdime.vcs.git.mergedriver",
}
PROGRAM = (
    '#!/bin/sh\nexec /usr/bin/env -u LD_LIBRARY_PATH -u LD_PRELOAD {python} -I -m {module} "$@"\n'
)


def folder(prefix: Path) -> Path:
    """Return the folder of the wrapper scripts. session/terminals.py adds this folder to PATH."""
    return prefix / "share" / "sitekit" / "bin"


def write_programs(prefix: Path, pieces: set[str]) -> None:
    """Write the wrapper scripts for the programs of the packages `pieces`."""
    shutil.rmtree(folder(prefix), ignore_errors=True)
    folder(prefix).mkdir(parents=True)
    modules = {
        "sitekit-kernel": "sitekit.kernels.personal.cli",
        **(NBDIME if "nbdime" in pieces else {}),
    }
    for name, module in modules.items():
        write_atomic(
            folder(prefix) / name,
            PROGRAM.format(python=prefix / "bin" / "python", module=module),
            0o755,
        )
