"""Start JupyterLab's terminals: the user's login shell, with the modules that are loaded in the
Software Modules tab.

The PATH of terminals does not contain the hub environment. environment/release/configure_release.py makes
Jupyter Server use the class Terminals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server_terminals.terminalmanager import TerminalManager

from . import nbdime_for_git
from .modules import lmod_output, store_loaded_modules
from .overrides.oom_score_of_kernels import first_to_end

PROGRAMS = Path(sys.prefix, "share", "sitekit", "bin")
"""The folder with the release's programs that users can call by name, such as sitekit-kernel and
nbdiff.

environment/release/user_commands.py writes the programs to this folder.
"""


def shell_command(shell: str) -> list[str]:
    """Return the command line of the login shell.

    bash gets a start file of sitekit, because on some systems a login shell would reset PATH.
    """
    if os.path.basename(shell) == "bash":
        return [shell, "--rcfile", str(Path(__file__).with_name("terminal.bash"))]
    return [shell, "-l"]


def terminal_path(path: str) -> str:
    """Return the PATH of a terminal, without the hub environment, and with the folder of sitekit's
    few programs at the end."""
    folders = [folder for folder in path.split(os.pathsep) if folder != f"{sys.prefix}/bin"]
    return os.pathsep.join([*folders, str(PROGRAMS)])


def terminal_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a new terminal, from the server's `environment`."""
    loaded = store_loaded_modules.read_loaded_modules()
    result = lmod_output.applied(loaded, environment)
    result["PATH"] = terminal_path(result["PATH"])
    if loaded.get("LOADEDMODULES"):
        # otherwise, Lmod's start files would replace the loaded modules by the user's default
        # collection
        result["__Init_Default_Modules"] = "1"
    return result


class Terminals(TerminalManager):
    """Start Jupyter Server's terminals with this module's shell and environment."""

    def __init__(self, **settings: Any) -> None:
        shell = shell_command(os.environ.get("SHELL") or "/bin/sh")
        settings["shell_command"] = first_to_end(shell)
        super().__init__(**settings)
        self.git = nbdime_for_git.set_up(
            Path(os.environ["JUPYTER_RUNTIME_DIR"]), PROGRAMS, os.environ
        )

    def make_term_env(self, *words: Any, **settings: Any) -> dict[str, str]:
        environment = super().make_term_env(*words, **settings)
        return terminal_environment({**self.git, **environment})
