"""Broken site files: refused by the command with exit code 2, file, line, key and remedy; and
nothing is changed.

Beside each broken_sites/NAME.yml lies NAME.expected: for every fault a paragraph of three lines,
with the place (`line 7, key hub.port`), a piece of what is wrong and a piece of the remedy, in the
order in which they are told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = Path(__file__).parent / "broken_sites"
SCRIPTS = Path(__file__).parents[3] / "scripts"


def snapshot(folder: Path) -> dict[str, tuple]:
    """Every path below `folder` with its mode, time and size."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        about = path.lstat()
        found[str(path)] = (about.st_mode, about.st_mtime_ns, about.st_size, about.st_ino)
    return found


def check_site(
    site: Path, folder: Path, without: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `check_site` in `folder`, which it must leave as it was."""
    environment = {
        "SITE": str(site),
        "PYTHONPATH": str(SCRIPTS),
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }
    environment |= {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
    before = snapshot(folder)
    argv = [*without, sys.executable, "-m", "sitekit", "check_site"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=300, env=environment, cwd=folder
    )
    assert snapshot(folder) == before
    return done


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", sorted(path.stem for path in BROKEN.glob("*.yml")))
def test_a_broken_site_is_refused(name: str, tmp_path: Path) -> None:
    site = Path(shutil.copy(BROKEN / f"{name}.yml", tmp_path))
    told = refused(check_site(site, tmp_path))
    rest = told
    faults = (BROKEN / f"{name}.expected").read_text().strip().split("\n\n")
    for fault in faults:
        place, what, remedy = fault.splitlines()
        line, _, key = place.removeprefix("line ").partition(", key ")
        for piece in (f"{site}:{line}:" + (f" {key}:" if key else ""), what, remedy):
            _, found, rest = rest.partition(piece)
            assert found, f"{piece!r} does not stand in this place of:\n{told}"
    assert told.count("\n    -> ") == len(faults), f"more, or fewer, faults than expected:\n{told}"


def test_every_broken_site_says_what_is_expected() -> None:
    files = {path.stem for path in BROKEN.glob("*.yml")}
    assert files == {path.stem for path in BROKEN.glob("*.expected")}
    assert len(files) >= 20


def test_the_good_site_is_accepted(tmp_path: Path) -> None:
    site = Path(shutil.copy(BROKEN.parent / "good_site.yml", tmp_path))
    done = check_site(site, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    site = Path(shutil.copy(BROKEN.parent / "good_site.yml", tmp_path))
    site.chmod(0)
    # Root reads everything by two capabilities; without them it is a user like others.
    drop = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    told = refused(check_site(site, tmp_path, drop))
    assert f"{site}: you may not read this file" in told
    assert f"ls -l {site}" in told


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    told = refused(check_site(tmp_path / "none.yml", tmp_path))
    assert f"{tmp_path}/none.yml: this file does not exist" in told


def test_a_directory_is_no_site(tmp_path: Path) -> None:
    assert f"{tmp_path}: cannot read the file" in refused(check_site(tmp_path, tmp_path))
