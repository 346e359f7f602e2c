"""What other projects' tests need, installed into a folder beside the release, which stays as it
is."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PINNED = Path(__file__).with_name("packages.txt")


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """The folder, for PYTHONPATH; everybody may read it. Each package has the hash that
    packages.txt names."""
    with tempfile.TemporaryDirectory(prefix="sitekit-upstream-") as name:
        folder = Path(name)
        pip = [
            sys.executable,
            "-I",
            "-m",
            "pip",
            "-q",
            "--disable-pip-version-check",
            "--no-input",
            "install",
        ]
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", folder]
        subprocess.run([*pip, *options, "-r", PINNED], check=True, timeout=300)
        folder.chmod(0o755)
        yield folder
