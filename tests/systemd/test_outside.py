"""The sites of config/sites whose hub is outside the cluster: the tests in tests/sites, on the booted
machine. They change Slurm, accounts and the network."""

from __future__ import annotations

import pytest

from ..conftest import CHECKOUT
from .booted import Booted

FILES = sorted(file.name for file in (CHECKOUT / "tests/sites").glob("test_*.py"))


@pytest.mark.parametrize("file", FILES)
def test_a_site_whose_hub_is_outside(machine: Booted, file: str) -> None:
    pytest = [
        CHECKOUT / ".kit/bin/python",
        "-B",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
    ]
    words = [
        "env",
        "-C",
        CHECKOUT,
        "SITEKIT_TEST_SITES=1",
        *pytest,
        "--keep-demo",
        "-v",
        "--tb=short",
    ]
    done = machine.run(*words, f"tests/sites/{file}", check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-20_000:]
