"""The terminals of a session: the user's login shell, with what is loaded in the tab, and without
the hub environment.

Jupyter Server is told to use it by environment/release/configure.py.
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
"""What users may call by name: sitekit-kernel and nbdime (environment/release/user_programs.py)."""


def shell_command(shell: str) -> list[str]:
    """The login shell. bash is told what to read, since a login would take PATH away on some
    systems."""
    if os.path.basename(shell) == "bash":
        return [shell, "--rcfile", str(Path(__file__).with_name("terminal.bash"))]
    return [shell, "-l"]


def terminal_path(path: str) -> str:
    """The PATH of a terminal: the hub environment is no place to work in, and our few programs come
    last."""
    folders = [folder for folder in path.split(os.pathsep) if folder != f"{sys.prefix}/bin"]
    return os.pathsep.join([*folders, str(PROGRAMS)])


def terminal_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, the server's, as a new terminal has it."""
    loaded = loaded_modules.read()
    told = lmod_output.applied(loaded, environment)
    told["PATH"] = terminal_path(told["PATH"])
    if loaded.get("LOADEDMODULES"):
        # Lmod's start files would put the user's default collection in its place
        told["__Init_Default_Modules"] = "1"
    return told


class Terminals(TerminalManager):
    """Jupyter Server's terminals, with this module's shell and environment."""

    def __init__(self, **settings: Any) -> None:
        shell = shell_command(os.environ.get("SHELL") or "/bin/sh")
        super().__init__(**{**settings, "shell_command": first_to_end(shell)})
        self.git = git.set_up(Path(os.environ["JUPYTER_RUNTIME_DIR"]), PROGRAMS, os.environ)

    def make_term_env(self, *words: Any, **settings: Any) -> dict[str, str]:
        return terminal_environment({**self.git, **super().make_term_env(*words, **settings)})
