"""The guard before jupyterlmod: no word of a request reaches a shell. A program that notes its
words plays Lmod."""

from __future__ import annotations

import asyncio
import html
import json
import os
import shlex
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.environment.release.configure_release import GUARDED, settings
from sitekit.environment.release.required_package_contents import PIECES
from sitekit.session.modules import lmod_output, store_loaded_modules
from sitekit.session.overrides import lmod_guard

PROGRAM = Path(__file__).parent / "programs" / "lmod.py"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in for Lmod notes what it was called with."""
    lmod, log = tmp_path / "lmod", tmp_path / "log"
    words = shlex.join([sys.executable, str(PROGRAM), str(log)])
    lmod.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    lmod.chmod(0o755)
    monkeypatch.setitem(sys.modules, "module", types.SimpleNamespace(MODULE_CMD=str(lmod)))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("GONE", "here")
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
    "--force",
    "-aa",
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
    told = asyncio.run(lmod_guard.guarded(command, "gcc/12", word))
    assert told == html.escape(f"not the name of a module: {word!r}")
    assert not log.exists()


@pytest.mark.parametrize(
    "word", ["gcc/12.2", "python/3.11.3-GCCcore-12.3.0", ".hidden/1", "/opt/modules", "a+b", "c@1"]
)
def test_names_arrive_as_they_are(log: Path, word: str) -> None:
    assert asyncio.run(lmod_guard.guarded("load", word)) == "told\n"
    assert json.loads(log.read_text()) == ["python", "--terse", "load", word]


def test_the_options_of_jupyterlmods_own_arrive_where_they_belong(log: Path) -> None:
    asyncio.run(lmod_guard.guarded("purge", "--force"))
    assert json.loads(log.read_text()) == ["python", "--terse", "purge", "--force"]
    asyncio.run(lmod_guard.guarded("use", "-a", "/opt/modules"))
    assert json.loads(log.read_text()) == ["python", "--terse", "use", "-a", "/opt/modules"]


def test_what_lmod_changes_is_kept_beside_the_server(log: Path) -> None:
    before = dict(os.environ)
    asyncio.run(lmod_guard.guarded("show", "gcc"))
    assert store_loaded_modules.read_loaded_modules() == {}
    assert asyncio.run(lmod_guard.guarded("load", "absent")) == "&lt;b&gt;not&lt;/b&gt; there\n"
    assert store_loaded_modules.read_loaded_modules() == {}
    asyncio.run(lmod_guard.guarded("load", "gcc"))
    assert store_loaded_modules.read_loaded_modules() == {"LOADED_HERE": "yes", "GONE": None}
    started = lmod_output.applied(store_loaded_modules.read_loaded_modules(), os.environ)
    assert started["LOADED_HERE"] == "yes" and "GONE" not in started
    assert dict(os.environ) == before


def test_a_module_that_only_warns_is_loaded(log: Path) -> None:
    assert asyncio.run(lmod_guard.guarded("load", "warns")) == "it is old\n"
    assert store_loaded_modules.read_loaded_modules()["WARNED"] == "yes"


def test_without_a_module_system_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "module", types.SimpleNamespace(MODULE_CMD=""))
    assert asyncio.run(lmod_guard.guarded("avail")) == "Module system not found"


@given(st.text())
def test_no_sign_of_a_shell_passes(word: str) -> None:
    if lmod_guard.refusal("load", (word,)) is None:
        assert word and not set(word) & set(" \t\n\r;&|<>()$`\\\"'*?[]#~=%{}!")


def test_what_is_guarded_is_loaded_by_its_guard_alone() -> None:
    server = settings(list(PIECES))["jupyter_server_config.d/zz-sitekit.json"]
    extensions = server["ServerApp"]["jpserver_extensions"]  # type: ignore[index]
    for guard, guarded in GUARDED.items():
        assert extensions[guard] is True and extensions[guarded] is False
