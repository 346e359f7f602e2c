"""scripts/kit: finds a Python, makes `.kit`, trusts it only when it is finished. In a small
checkout, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import release_parts as parts

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """scripts/kit with empty lists of requirements and a sitekit that prints its words."""
    scripts = tmp_path / "check out" / "scripts"
    (scripts / "sitekit").mkdir(parents=True)
    shutil.copy(parts.TOP / "scripts/kit", scripts / "kit")
    for name in ("requirements.txt", "requirements-test.txt"):
        (scripts / name).write_text("# none\n")
    (scripts / "sitekit/__main__.py").write_text("import sys; print(sys.argv[1:], sys.prefix)\n")
    return scripts.parent


def kit(checkout: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHON", "KIT_TEST", "PYTHONPATH")
    }
    return subprocess.run(
        [checkout / "scripts/kit", *words],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_made_once_then_used(checkout: Path) -> None:
    first = kit(checkout, "show", "a b", PYTHON=sys.executable)
    assert first.stdout == f"['show', 'a b'] {checkout}/.kit\n", first.stderr
    assert (
        first.stderr.startswith("sitekit: preparing .kit with ") and first.stderr.count("\n") == 1
    )
    made = (checkout / ".kit/pyvenv.cfg").stat()
    again = kit(checkout, "show")
    assert (again.returncode, again.stderr) == (0, "")
    assert (checkout / ".kit/pyvenv.cfg").stat().st_ino == made.st_ino


def test_made_again_when_the_requirements_change_or_python_went_away(checkout: Path) -> None:
    kit(checkout, PYTHON=sys.executable)
    (checkout / "scripts/requirements.txt").write_text("# another\n")
    assert "preparing" in kit(checkout, PYTHON=sys.executable).stderr
    (checkout / ".kit/bin/python").unlink()
    (checkout / ".kit/bin/python").symlink_to("/nonexistent/python3.10")
    assert "preparing" in kit(checkout, PYTHON=sys.executable).stderr
    assert kit(checkout).stderr == ""


def test_a_half_made_one_is_not_trusted(checkout: Path) -> None:
    (checkout / "scripts/requirements.txt").write_text(
        "nothere==1 --hash=sha256:" + "0" * 64 + "\n"
    )
    failed = kit(checkout, "show", PYTHON=sys.executable, PIP_NO_INDEX="1")
    assert failed.returncode == 1 and failed.stdout == ""
    assert "scripts/requirements.txt could not be installed" in failed.stderr
    assert (checkout / ".kit").is_dir()
    (checkout / "scripts/requirements.txt").write_text("# none\n")
    assert "preparing" in kit(checkout, "show", PYTHON=sys.executable).stderr


def test_unpinned_requirements_are_refused(checkout: Path) -> None:
    parts.wheel(checkout.parent, "nothere", {"nothere.py": ""})
    (checkout / "scripts/requirements.txt").write_text("nothere==1.0\n")
    refused = kit(
        checkout, PYTHON=sys.executable, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(checkout.parent)
    )
    assert refused.returncode == 1 and "Hashes are required" in refused.stderr


def test_the_tests_packages_come_only_when_asked_for(checkout: Path) -> None:
    kit(checkout, PYTHON=sys.executable)
    assert not (checkout / ".kit/requirements-test.txt.done").exists()
    assert "packages for test" in kit(checkout, KIT_TEST="1").stderr
    assert kit(checkout, KIT_TEST="1").stderr == ""


def test_readable_by_everybody_under_a_closed_umask(checkout: Path) -> None:
    command = f"umask 077; exec '{checkout}/scripts/kit'"
    subprocess.run(
        ["sh", "-c", command], env={**os.environ, "PYTHON": sys.executable}, check=True, timeout=300
    )
    assert (checkout / ".kit").stat().st_mode & 0o777 == 0o755
    assert (checkout / ".kit/pyvenv.cfg").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("python", ["/nonexistent/python3", "/bin/true", "old"])
def test_a_python_that_cannot_serve_is_refused(checkout: Path, python: str) -> None:
    if python == "old":  # like Python 3.9 to the question that is asked
        python = str(checkout / "python3.9")
        Path(python).write_text("#!/bin/sh\nexit 1\n")
        Path(python).chmod(0o755)
    refused = kit(checkout, PYTHON=python)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"sitekit: PYTHON={python} is not a Python 3.10 or newer. Name another one, such as PYTHON=python3.11\n"
    )
    assert not (checkout / ".kit").exists()


def test_no_python_at_all(checkout: Path, tmp_path: Path) -> None:
    script = checkout / "scripts/kit"
    script.write_text(script.read_text().replace("/usr/bin/python3", "/nonexistent/python3"))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "cmp", "cat", "mkdir", "rm", "flock"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    told = kit(checkout, PATH=str(programs))
    assert told.returncode == 1
    assert "no Python 3.10 or newer was found" in told.stderr and "PYTHON=python3.11" in told.stderr
