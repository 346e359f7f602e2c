"""The one reader of what `lmod python` prints: real Lmod sets what a property test makes up, and it
is read back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import kernel_site
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitekit.kernels.trials.import_launch_program import launcher
from sitekit.session.modules import lmod_output, store_loaded_modules
from sitekit.session.overrides import lmod_guard

needs_lmod = pytest.mark.skipif(
    not (kernel_site.LMOD / "libexec" / "lmod").exists(),
    reason="Lmod is not installed (apt install lmod)",
)
SIGNS = st.sampled_from(
    [
        *"\"\\\n\r\t\b\x01\x7f;]= '$`%^~",
        "os.environ",
        'os.environ["A"] = "',
        "del ",
        "é",
        "漢",
        "1",
        "9",
    ]
)
VALUES = st.lists(
    SIGNS | st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
).map("".join)


def loaded(tmp_path: Path, text: str) -> dict[str, str]:
    """The environment after a load of a module with this text."""
    file = tmp_path / "tree" / "any" / "1.lua"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "MODULEPATH": str(tmp_path / "tree"),
        "OLD": "x",
    }
    argv = [kernel_site.LMOD / "libexec" / "lmod", "python", "--ignore_cache", "load", "any/1"]
    done = subprocess.run(argv, env=env, capture_output=True, timeout=180)
    return lmod_output.applied(lmod_output.changes(done.stdout), env)


def lua(text: str) -> str:
    """The text as a string in Lua, byte by byte."""
    return '"' + "".join(f"\\{byte:03}" for byte in os.fsencode(text)) + '"'


@needs_lmod
@settings(max_examples=15, deadline=None)
@given(st.lists(VALUES.filter(bool), min_size=1, max_size=40))
def test_what_a_module_sets_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    text = "".join(f'setenv("SET_{number}", {lua(value)})\n' for number, value in enumerate(values))
    seen = loaded(tmp_path_factory.mktemp("lmod"), f'{text}unsetenv("OLD")\n')
    assert {
        name: value for name, value in seen.items() if name.startswith(("SET_", "A", "OLD"))
    } == {f"SET_{number}": value for number, value in enumerate(values)}


@needs_lmod
def test_what_a_module_prints_changes_nothing(tmp_path: Path) -> None:
    seen = loaded(
        tmp_path, 'print("open(1)")\nprint("__import__(\'os\').abort()")\nsetenv("SET", "1")\n'
    )
    assert seen["SET"] == "1" and lmod_output.loaded(seen) == ["any/1"]


def test_the_formats_of_older_and_newer_lmods() -> None:
    said = (
        b'import os\nos.environ["A"] = "x\\"y\\\\z$HOME`id`\\\nnext\\13end\\9\\0012";\nprint("executed")\n'
        b"os.environ[\"B\"] = ''\ndel os.environ[\"B\"]\nos.environ['D'] = ''\ndel os.environ['D']\n_mlstatus = True\n"
    )
    found = lmod_output.changes(said)
    assert found == {"A": 'x"y\\z$HOME`id`\nnext\rend\t\x012', "B": None, "D": None}
    assert lmod_output.applied(found, {"B": "1", "C": "2", "D": "3"}) == {"A": found["A"], "C": "2"}
    assert lmod_output.changes(b"_mlstatus = False\n") == {}


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    [value] = lmod_output.changes(b'os.environ["A"] = "\xe9";\n').values()
    assert os.fsencode(value) == b"\xe9"


def test_launcher_and_session_have_the_same_reader() -> None:
    theirs, ours = Path(launcher().lmod_output.__file__), Path(lmod_output.__file__)
    assert theirs.name == ours.name and theirs.read_bytes() == ours.read_bytes()
    readers = [
        path for path in ours.parents[1].rglob("*.py") if "os\\.environ\\[" in path.read_text()
    ]
    assert readers == [ours]
    assert lmod_guard.lmod_output is lmod_output and not hasattr(store_loaded_modules, "after")
