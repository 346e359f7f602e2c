"""The check of the release with files that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.finding import Severity
from sitekit.operations.doctor.checks.release import unreadable

ACCOUNT = "nobody" if os.geteuid() == 0 else None
"""Root can read all files, so that the tests of root run the check as another account."""


@pytest.fixture
def release() -> Iterator[Path]:
    """A release with two packages, in a folder that other accounts can enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for package in ("good", "other"):
            (folder / package / "inner").mkdir(parents=True)
            (folder / package / "inner/module.py").write_text("")
        (folder / "link").symlink_to("/nowhere")
        yield folder


def first(release: Path) -> list[str]:
    return [one.where for one in unreadable(release, ACCOUNT, 300)]


def test_a_release_that_everybody_can_read_has_no_finding(release: Path) -> None:
    assert first(release) == []


@pytest.mark.parametrize(
    ("place", "mode"),
    [
        ("other", 0o700),
        ("other/inner", 0o744),
        ("other/inner", 0o711),
        ("other/inner/module.py", 0o600),
    ],
)
def test_a_folder_or_file_that_users_cannot_read_is_named(
    place: str, mode: int, release: Path
) -> None:
    path = release / place
    path.chmod(mode if ACCOUNT else mode & 0o077)
    try:
        [found] = unreadable(release, ACCOUNT, 300)
    finally:
        path.chmod(0o755)
    assert found.severity is Severity.ERROR
    assert found.where == str(path) and found.remedy == f"chmod -R a+rX {path}"


def test_a_search_that_takes_too_long_is_no_fault(release: Path) -> None:
    found = list(unreadable(release, ACCOUNT, 0))
    assert [one.severity for one in found] == [Severity.UNSEEN] * 2
    assert "did not end" in found[0].what
