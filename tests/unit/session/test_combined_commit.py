"""A participant's file is never written while a course's changes are taken in, so that an end at any
moment loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from git_remote import WHO, git

from sitekit.base.data_files import CHECKOUT
from sitekit.session.overrides.combine_commits_by_whole_files import combined

MINE = {"both.ipynb": "mine\n1\n2\n3\n4\n5\n", "gone.txt": "mine\n", "old.txt": "mine\n"}
MINE |= {"own [1].txt": "mine\n", "folder": "mine\n"}
THEIRS = {"both.ipynb": "0\n1\n2\n3\n4\ntheirs\n", "b.txt": "theirs\n", "new.txt": "0\n"}
UPDATE = """
import subprocess, sys
from pathlib import Path
from sitekit.session.overrides.combine_commits_by_whole_files import combined
copy = Path(sys.argv[1])
head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=copy, text=True).strip()
commit = combined(copy, head, "origin/main")
subprocess.run(["git", "merge", "--ff-only", commit], cwd=copy, check=True)
"""
KILLER = """#!/bin/sh
# ends the program that has called git, before or after its call of this number
number=$(($(cat "$CALLS") + 1)); echo $number > "$CALLS"
[ "$WHEN" = before ] && [ $number = "$CALL" ] && kill -KILL $PPID && exit 1
"$GIT" "$@"; code=$?
[ "$WHEN" = after ] && [ $number = "$CALL" ] && kill -KILL $PPID
exit $code
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A participant's copy, with changes of both sides, and with the participant's committed."""
    upstream, copy = tmp_path / "upstream", tmp_path / "copy"
    upstream.mkdir()
    git("init", "--quiet", cwd=upstream)
    (upstream / "both.ipynb").write_text("0\n1\n2\n3\n4\n5\n")
    for name in ("b.txt", "gone.txt", "old.txt"):
        (upstream / name).write_text("0\n")
    git("add", ".", cwd=upstream)
    git("commit", "--quiet", "-m", "first", cwd=upstream)
    git("clone", "--quiet", str(upstream), str(copy), cwd=tmp_path)
    for name, text in MINE.items():
        (copy / name).write_text(text)
    git("add", ".", cwd=copy)
    git("commit", "--quiet", "-m", "mine", cwd=copy)
    (upstream / "gone.txt").unlink()
    (upstream / "old.txt").rename(upstream / "new.txt")
    (upstream / "folder").mkdir()
    for name, text in {**THEIRS, "folder/c.txt": "theirs\n"}.items():
        (upstream / name).write_text(text)
    git("add", "--all", ".", cwd=upstream)
    git("commit", "--quiet", "-m", "second", cwd=upstream)
    git("fetch", "--quiet", cwd=copy)
    return copy


def update(copy: Path, **environment: str) -> int:
    given = {**os.environ, **WHO, "PYTHONPATH": str(CHECKOUT / "scripts"), **environment}
    argv = [sys.executable, "-c", UPDATE, str(copy)]
    return subprocess.run(argv, env=given, capture_output=True).returncode


def kept(copy: Path) -> dict[str, str]:
    return {name: (copy / name).read_text() for name in MINE}


def test_each_file_is_the_participants_or_the_courses(copy: Path) -> None:
    assert update(copy) == 0
    assert kept(copy) == MINE
    assert {name: (copy / name).read_text() for name in ("b.txt", "new.txt")} == {
        "b.txt": "theirs\n",
        "new.txt": "0\n",
    }
    assert git("status", "--porcelain", cwd=copy) == ""
    parents = git("log", "-1", "--format=%P", cwd=copy).split()
    assert git("rev-parse", "HEAD^1", "origin/main", cwd=copy).split() == parents


def test_without_changes_of_the_participant_it_is_the_courses_commit(copy: Path) -> None:
    git("reset", "--quiet", "--hard", "origin/main~1", cwd=copy)
    assert combined(copy, "HEAD", "origin/main") == "origin/main"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_end_at_any_moment_loses_nothing(copy: Path, tmp_path: Path, when: str) -> None:
    first = git("rev-parse", "HEAD", cwd=copy).strip()
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    (programs / "git").write_text(KILLER)
    (programs / "git").chmod(0o755)
    real = subprocess.run(["which", "git"], capture_output=True, text=True).stdout.strip()
    told = {"PATH": f"{programs}:{os.environ['PATH']}", "GIT": real, "CALLS": str(calls)}
    for call in range(1, 20):
        git("reset", "--quiet", "--hard", first, cwd=copy)
        calls.write_text("0")
        code = update(copy, **told, WHEN=when, CALL=str(call))
        assert kept(copy) == MINE, f"ended {when} call {call}"
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert update(copy) == 0
        assert kept(copy) == MINE, f"after the next start; ended {when} call {call}"
        assert (copy / "b.txt").read_text() == "theirs\n"
    else:
        pytest.fail("the update has never come to its end")
    assert call > 6, "each call of git was the last one once"
