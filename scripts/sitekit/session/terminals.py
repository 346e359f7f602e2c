"""Start a session's terminals with the user's login shell and the loaded modules.

The hub environment is not on PATH in a terminal. environment/release/configure.py configures
Jupyter Server to use this class.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server_terminals.terminalmanager import TerminalManager

from . import git, lmod_output, loaded_modules
from .overrides.memory import first_to_end

PROGRAMS = Path(sys.prefix, "share", "sitekit", "bin")
"""Commands for users: sitekit-kernel and nbdime (environment/release/user_programs.py)."""


def shell_command(shell: str) -> list[str]:
    """Return the command line of the user's login shell.

    bash reads terminal.bash instead of starting as a login shell, because a login resets PATH on
    some systems.
    """
    if os.path.basename(shell) == "bash":
        return [shell, "--rcfile", str(Path(__file__).with_name("terminal.bash"))]
    return [shell, "-l"]


def terminal_path(path: str) -> str:
    """Return the PATH of a terminal.

    The hub environment's directory is removed, because users should not work in it. The directory
    of sitekit's commands is added at the end.
    """
    folders = [folder for folder in path.split(os.pathsep) if folder != f"{sys.prefix}/bin"]
    return os.pathsep.join([*folders, str(PROGRAMS)])


def terminal_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a new terminal, made from the server's environment."""
    loaded = loaded_modules.read()
    variables = lmod_output.applied(loaded, environment)
    variables["PATH"] = terminal_path(variables["PATH"])
    if loaded.get("LOADEDMODULES"):
        # Without this variable, Lmod's startup files would replace the loaded modules with the
        # user's default collection.
        variables["__Init_Default_Modules"] = "1"
    return variables


class Terminals(TerminalManager):
    """Start Jupyter Server's terminals with the shell and the environment of this module."""

    def __init__(self, **settings: Any) -> None:
        shell = shell_command(os.environ.get("SHELL") or "/bin/sh")
        super().__init__(**{**settings, "shell_command": first_to_end(shell)})
        self.git = git.set_up(Path(os.environ["JUPYTER_RUNTIME_DIR"]), PROGRAMS, os.environ)

    def make_term_env(self, *words: Any, **settings: Any) -> dict[str, str]:
        return terminal_environment({**self.git, **super().make_term_env(*words, **settings)})
