"""Parse the command line, run the command, and convert errors to messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .base.data_files import CHECKOUT
from .base.errors import Problem, as_problem
from .command_definition import Command
from .command_help import help_of, overview
from .commands import COMMANDS


def site_path() -> Path:
    """Return the path of the site file. This is the value of $SITE if the variable is set, else
    config/site.yml of the checkout."""
    return Path(os.environ.get("SITE") or CHECKOUT / "config" / "site.yml")


def main(words: list[str]) -> int:
    """Run one command; return its exit code.

    The exit code is 0 after a success and 1 after a failure. The exit code 2 means that the command
    refused to begin and changed nothing. The exit code 130 means that the command was interrupted.
    """
    if words and words[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    if not words or words[0] not in COMMANDS:
        unknown = f"there is no command {words[0]}" if words else "name a command"
        print(f"sitekit: {unknown}; `make help` lists them", file=sys.stderr)
        return 2
    if {"--help", "-h"} & set(words[1:]) or os.environ.get("SITEKIT_HELP"):
        print(help_of(words[0]))
        return 0
    return _run(COMMANDS[words[0]], words)


def _run(command: Command, words: list[str]) -> int:
    """Run a command, print its error if it fails, and return the exit code."""
    try:
        if command.site:
            # imported here, because the import takes a tenth of a second, and `help` needs no site
            # file
            from .site import load_site

            return _function(command)(load_site(site_path()), *words[1:])
        return _function(command)(*words[1:])
    except (Problem, OSError) as error:
        problem = as_problem(error)
        print(f"\nsitekit: {problem}" if problem.exit_code == 1 else str(problem), file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print(
            f"\nsitekit: interrupted; run `make {words[0]}` again to go on from here",
            file=sys.stderr,
        )
        return 130


def _function(command: Command) -> Callable[..., int]:
    """Return the Python function that executes a command."""
    module, _, name = command.function.partition(":")
    return getattr(importlib.import_module(module), name)
