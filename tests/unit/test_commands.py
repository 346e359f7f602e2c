"""The table of commands is the Makefile's, the command line's, and the page's."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from sitekit.command_help import page
from sitekit.commands import COMMANDS, GROUPS

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "commands.md"
MAKEFILE = (TOP / "Makefile").read_text()


def make(*words: str, **environment: str) -> str:
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        ["make", "-s", *words], cwd=TOP, env=given, check=True, text=True, capture_output=True
    ).stdout


def test_the_makefile_has_these_targets_and_no_others() -> None:
    targets = set(re.findall(r"^([a-z_]+):", MAKEFILE, re.MULTILINE)) - {"help"}
    assert targets == {name for commands in GROUPS.values() for name in commands}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_makefile_hands_the_variables_on(name: str) -> None:
    recipe = MAKEFILE.split(f"\n{name}:\n", 1)[1].split("\n", 1)[0]
    assert f"kit {name}" in recipe.replace("$(KIT)", "kit")
    assert all(variable in recipe for variable in COMMANDS[name].variables)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_function(name: str) -> None:
    module, _, function = COMMANDS[name].function.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_make_help_needs_nothing_but_python() -> None:
    """Neither .kit nor a site file: a newcomer's first command."""
    said = make("help")
    for commands in GROUPS.values():
        for name, command in commands.items():
            assert f"  {name:<21} {command.summary}" in said


def test_help_on_one_command_runs_nothing() -> None:
    said = make("rollback", "HELP=1", SITE="/nowhere/site.yml")
    assert "RELEASE" in said and COMMANDS["rollback"].summary[1:] in said


def test_a_variable_of_the_environment_is_no_question() -> None:
    done = subprocess.run(
        ["make", "-s", "check_site"],
        cwd=TOP, env={**os.environ, "HELP": "1", "SITE": "/nowhere/site.yml"}, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 2 and "/nowhere/site.yml" in done.stderr


def test_the_page_is_current(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "look at it; if it is right: pytest --update-golden"
