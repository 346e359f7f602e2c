"""Load an application's modules, and run its command in place of this process.

    python -I -m sitekit.session.start_application SOCKET MODULES COMMAND...

MODULES are separated by colons. The application gets no token of the hub. If the memory is
exhausted, Linux kills the application before the user's server.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping

from .modules import lmod_output

LOAD_TIMEOUT = 120  # seconds
# the value of oom_score_adj that overrides/oom_score_of_kernels.py also sets for kernels
END_FIRST = "500"
PATH = "/usr/local/bin:/usr/bin:/bin"
SECRETS = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_SITEKIT_TLS")
DROPPED = ("PYTHON", "LD_", "CONDA_", "JUPYTER_")
"""Prefixes of variables that belong to the server's own Python."""


def main(words: list[str]) -> None:
    """Run the command. Exits with the reason if a module or the program is missing."""
    socket, modules, command = words[0], [name for name in words[1].split(":") if name], words[2:]
    environment = with_modules(modules, plain(os.environ))
    with contextlib.suppress(OSError):  # remove the socket of an earlier run
        os.unlink(socket)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(END_FIRST)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except OSError as error:
        sys.exit(f"sitekit: {command[0]} cannot be run: {error.strerror}")


def plain(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without secrets and without variables of the server's Python."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in SECRETS and not name.startswith(DROPPED)
    }
    return {**kept, "PATH": PATH}


def with_modules(modules: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Return the environment after `module load`. Exits if a module is not loaded."""
    if not modules:
        return environment
    argv = [environment["LMOD_CMD"], "python", "--ignore_cache", "load", *modules]
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=LOAD_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"sitekit: module load did not end: {error}")
    after = lmod_output.applied(lmod_output.changes(done.stdout), environment)
    loaded = lmod_output.loaded(after)
    for name in modules:
        if not any(one == name or one.startswith(f"{name}/") for one in loaded):
            why = done.stderr.decode(errors="replace").strip()
            sys.exit(f"sitekit: module load {name} failed: {why}")
    return after


if __name__ == "__main__":
    main(sys.argv[1:])
