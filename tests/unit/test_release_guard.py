"""The guard before jupyterlmod: no word of a request reaches a shell. A program that notes its words plays Lmod."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.release.finish import GUARD, settings
from sitekit.release.pieces import PIECES
from sitekit.session import lmod_guard

LMOD = """#!{python}
import json, pathlib, sys
pathlib.Path({log!r}).write_text(json.dumps(sys.argv[1:]))
print("import os; os.environ['LOADED_HERE'] = 'yes'" if sys.argv[-1] != "absent" else "false")
print("told", file=sys.stderr)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in for Lmod notes what it was called with."""
    lmod, log = tmp_path / "lmod", tmp_path / "log"
    lmod.write_text(LMOD.format(python=sys.executable, log=str(log)))
    lmod.chmod(0o755)
    monkeypatch.setitem(sys.modules, "module", types.SimpleNamespace(MODULE_CMD=str(lmod)))
    monkeypatch.delenv("LOADED_HERE", raising=False)
    return log


HOSTILE = [
    "x; touch F",
    "x;touch F",
    "$(id)",
    "`id`",
    "a b",
    "a\nb",
    "a|b",
    "a&b",
    "-f",
    "--config",
    "'",
    '"',
    "",
    "é",
    "a\0b",
    None,
    3,
    ["a"],
]


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("command", ["load", "show", "use", "save"])
def test_hostile_words_never_arrive(log: Path, command: str, word: object) -> None:
    assert asyncio.run(lmod_guard.guarded(command, "gcc/12", word)) == f"not the name of a module: {word!r}"
    assert not log.exists()


@pytest.mark.parametrize(
    "word", ["gcc/12.2", "python/3.11.3-GCCcore-12.3.0", ".hidden/1", "/opt/modules", "a+b", "c@1", "--force"]
)
def test_names_arrive_as_they_are(log: Path, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADED_HERE", "")
    assert asyncio.run(lmod_guard.guarded("load", word)) == "told\n"
    assert json.loads(log.read_text()) == ["python", "--terse", "load", word]


def test_what_lmod_changes_reaches_the_server(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("LOADED_HERE", "")
    asyncio.run(lmod_guard.guarded("show", "gcc"))
    assert os.environ["LOADED_HERE"] == ""
    asyncio.run(lmod_guard.guarded("load", "absent"))  # Lmod's answer to a failed load is the word `false`
    assert os.environ["LOADED_HERE"] == ""
    asyncio.run(lmod_guard.guarded("load", "gcc"))
    assert os.environ["LOADED_HERE"] == "yes"


def test_without_a_module_system_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "module", types.SimpleNamespace(MODULE_CMD=""))
    assert asyncio.run(lmod_guard.guarded("avail")) == "Module system not found"


@given(st.text())
def test_no_sign_of_a_shell_passes(word: str) -> None:
    if lmod_guard.refusal((word,)) is None:
        assert word and not set(word) & set(" \t\n\r;&|<>()$`\\\"'*?[]#~=%{}!")


def test_jupyterlmod_is_loaded_by_its_guard_alone() -> None:
    server = settings(list(PIECES))["jupyter_server_config.d/zz-sitekit.json"]
    extensions = server["ServerApp"]["jpserver_extensions"]  # type: ignore[index]
    assert extensions[GUARD] is True
    assert extensions["jupyterlmod"] is False
