"""The tests of some folders, run on the booted machine beside the tests of the demo: they change Slurm,
accounts, sshd or the network."""

from __future__ import annotations

import pytest

from ..conftest import CHECKOUT, INSIDE, ROOMS_INSIDE
from .booted import Booted


@pytest.mark.parametrize("room", ROOMS_INSIDE)
def test_all_of_a_folder_passes(machine: Booted, room: str, request: pytest.FixtureRequest) -> None:
    kit = ["env", "-C", CHECKOUT, f"{INSIDE}=1", CHECKOUT / ".kit/bin/python", "-B", "-m"]
    words = ["pytest", "-p", "no:cacheprovider", "-n", "0", "--keep-demo", "-v", "--tb=short"]
    soak = ["--soak"] if request.config.getoption("--soak") else []
    argv = [*kit, *words, *soak, f"tests/{room}"]
    done = machine.run(*argv, check=False, timeout=3600 if soak else 900)
    assert done.returncode == 0, done.stdout[-20_000:]
    print(done.stdout.splitlines()[-1])
