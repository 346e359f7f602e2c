"""nbdime in the git of a session's terminals, with the real ones; what the user has set wins."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import kernel_site
import pytest

from sitekit.environment.release import user_commands
from sitekit.session.nbdime_for_git import set_up

pytestmark = pytest.mark.usefixtures("hub_environment")
Git = Callable[..., str]


def notebook(source: str, count: int = 1) -> str:
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": [source],
        "outputs": [],
        "metadata": {},
        "execution_count": count,
    }
    return json.dumps(
        {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1
    )


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory, hub_environment: None) -> Path:
    """A release with the programs of this checkout, and all else borrowed."""
    prefix = tmp_path_factory.mktemp("release")
    for folder in ("bin", "lib", "local"):
        if (kernel_site.release() / folder).exists():
            (prefix / folder).symlink_to(kernel_site.release() / folder)
    user_commands.write_programs(prefix, {"nbdime"})
    return prefix


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def git(prefix: Path, home: Path, tmp_path: Path) -> Git:
    """git as in a terminal of a session, in a repository with one notebook, which has been changed."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "GIT_PAGER": "cat"}
    plain |= {
        "LD_LIBRARY_PATH": "/nonexistent",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": "/nonexistent",
    }

    def run(*words: str, session: bool = True, **more: str) -> str:
        told = set_up(tmp_path, user_commands.folder(prefix), plain) if session else {}
        me = ["-c", "user.name=u", "-c", "user.email=u@localhost", "-c", "init.defaultBranch=main"]
        environment = {**plain, **told, **more}
        done = subprocess.run(
            ["git", *me, *words],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    place = tmp_path / "work"
    place.mkdir()
    run("init", "-q")
    (place / "a.ipynb").write_text(notebook("one"))
    run("add", ".")
    run("commit", "-qm", "first")
    (place / "a.ipynb").write_text(notebook("two", 2))
    return run


def test_a_notebook_is_compared_as_one_in_a_session_and_nowhere_else(git: Git) -> None:
    assert git("diff").startswith("nbdiff ")
    assert git("diff", session=False).startswith("diff --git")


def test_a_notebook_is_merged_as_one(git: Git, tmp_path: Path) -> None:
    file = tmp_path / "work" / "a.ipynb"
    git("commit", "-qam", "two")
    git("checkout", "-q", "-b", "other", "HEAD~1")
    file.write_text(notebook("one", 3))  # git alone finds a conflict in the count
    git("commit", "-qam", "three")
    with pytest.raises(AssertionError, match="CONFLICT"):
        git("merge", "main", session=False)
    git("merge", "--abort")
    git("merge", "-q", "main")
    assert json.loads(file.read_text())["cells"][0]["source"] == ["two"]


def test_what_the_user_has_set_wins(git: Git, home: Path) -> None:
    (home / ".gitconfig").write_text('[diff "jupyternotebook"]\n\tcommand = echo mine\n')
    assert git("diff").startswith("mine ")
    (home / ".gitconfig").unlink()
    own = home / ".config" / "git" / "attributes"
    own.parent.mkdir(parents=True)
    own.write_text("*.txt -diff\n*.ipynb !merge\n")
    assert git("check-attr", "diff", "merge", "--", "a.ipynb", "b.txt").splitlines() == [
        "a.ipynb: diff: jupyternotebook",
        "a.ipynb: merge: unspecified",
        "b.txt: diff: unset",
        "b.txt: merge: unspecified",
    ]


def test_the_machines_settings_and_the_environments_hold(
    git: Git, prefix: Path, tmp_path: Path
) -> None:
    assert git("config", "--system", "include.path") == "/etc/gitconfig\n"
    counted = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.editor",
        "GIT_CONFIG_VALUE_0": "ed",
    }
    assert git("config", "core.editor", **counted) == "ed\n"
    assert git("diff", **counted).startswith("nbdiff ")
    theirs = {"HOME": str(tmp_path), "GIT_CONFIG_SYSTEM": "/their/own"}
    assert set_up(tmp_path, user_commands.folder(prefix), theirs) == {}


def test_without_nbdime_nothing_is_set(tmp_path: Path) -> None:
    assert set_up(tmp_path, tmp_path, {"HOME": str(tmp_path)}) == {}
    assert os.listdir(tmp_path) == []
