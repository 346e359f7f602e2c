"""The tests of some folders, run on a booted machine beside the tests of the demo: they change Slurm,
accounts, sshd or the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import CHECKOUT, INSIDE, ROOMS_INSIDE, Demo
from ..packages import install
from ..systemd.booted import Booted, booted
from ..systemd.campus import PACKAGES
from ..systemd.conftest import as_installed

OF_ROOMS = ("openssh-server", "openssh-client", "nginx-light", "charliecloud")
"""What the tests install. The machine has no way to packages."""


@pytest.fixture(scope="module")
def own_machine(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A machine for these tests alone, with the demo in it. It has no way to packages."""
    install("systemd", "dbus", "iproute2", *PACKAGES, *OF_ROOMS)
    with booted(tmp_path_factory.mktemp("own"), as_installed) as machine:
        machine.kit("demo")
        yield machine


@pytest.mark.parametrize("room", ROOMS_INSIDE)
def test_all_of_a_folder_passes(
    own_machine: Booted, room: str, request: pytest.FixtureRequest
) -> None:
    kit = ["env", "-C", CHECKOUT, f"{INSIDE}=1", CHECKOUT / ".kit/bin/python", "-B", "-m"]
    words = ["pytest", "-p", "no:cacheprovider", "-n", "0", "--keep-demo", "-v", "--tb=short"]
    soak = ["--soak"] if request.config.getoption("--soak") else []
    argv = [*kit, *words, *soak, f"tests/{room}"]
    done = own_machine.run(*argv, check=False, timeout=3600 if soak else 900)
    assert done.returncode == 0, done.stdout[-20_000:]
    print(done.stdout.splitlines()[-1])
