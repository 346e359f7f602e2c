"""Files of a session are saved whole or not at all, and stay what they were: by a release's Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")
SCRIPTS = Path(__file__).parents[3] / "scripts"
SAVE = Path(__file__).parent / "programs" / "save.py"


def save(path: Path, *how: str) -> int:
    python = kernel_site.release() / "bin/python"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    argv = [python, SAVE, path, *how]
    return subprocess.run(argv, env=environment, capture_output=True, timeout=600).returncode


@pytest.mark.parametrize(("how", "code"), [("dies", 9), ("fails", 1)])
def test_what_was_there_survives_a_save_that_does_not_end(
    tmp_path: Path, how: str, code: int
) -> None:
    file = tmp_path / "x.ipynb"
    file.write_text("old")
    assert save(file, how) == code
    assert file.read_text() == "old"
    assert how == "dies" or os.listdir(tmp_path) == ["x.ipynb"]


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "x.ipynb", tmp_path / "link.ipynb"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    assert save(link) == 0
    assert link.is_symlink() and file.read_text() == "new" and file.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.ipynb", "x.ipynb"]


def test_a_new_file_has_the_mode_of_the_users_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert save(tmp_path / "x.ipynb") == 0
    finally:
        os.umask(before)
    assert (tmp_path / "x.ipynb").stat().st_mode & 0o777 == 0o640


def test_a_file_with_a_second_name_keeps_both(tmp_path: Path) -> None:
    file, other = tmp_path / "x.ipynb", tmp_path / "y.ipynb"
    file.write_text("old")
    other.hardlink_to(file)
    assert save(file) == 0
    assert other.read_text() == "new"
