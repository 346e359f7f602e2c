"""What other projects' tests need, installed into a folder beside the release, which stays as it
is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..packages import install_pinned

PINNED = Path(__file__).with_name("packages.txt")


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """The folder, for PYTHONPATH; everybody may read it. Each package has the hash that
    packages.txt names."""
    with tempfile.TemporaryDirectory(prefix="sitekit-upstream-") as name:
        folder = Path(name)
        install_pinned(PINNED, folder)
        yield folder
