"""The tests of some folders, run on a booted machine beside the tests of the demo: they change Slurm,
accounts, sshd or the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from sitekit.site import load_site

from ..conftest import CHECKOUT, INSIDE, ROOMS_INSIDE, Demo
from ..packages import install, install_ipyparallel
from ..systemd.booted import Booted, booted, online
from ..systemd.campus import PACKAGES
from ..systemd.conftest import as_installed

OF_ROOMS = (
    *("openssh-server", "openssh-client", "nginx-light", "charliecloud", "libmpich12"),
    *("chromium", "poppler-utils", "docker.io", "iptables"),
    *("r-base-core", "r-cran-irkernel", "postgresql"),
)
"""What the tests install. The machine has no way to packages."""
ENGINE = "SITEKIT_TEST_ENGINE"
"""The environment variable with the engine of tests/workshop."""
OF_LONG_TESTS = ("mmdebstrap", "slirp4netns", "podman", "aardvark-dns", "catatonit")
ONLINE = "workshop"
"""The folder whose long tests download packages."""
WITH_LONG_TESTS = [
    room
    for room in ROOMS_INSIDE
    if any("mark.soak" in file.read_text() for file in (CHECKOUT / "tests" / room).glob("*.py"))
]


HUB_LOG = """[Service]
StandardOutput=append:{log}
StandardError=append:{log}
"""
"""Tests read the hub's log as a file, which under systemd is in the journal."""


def prepare(root: Path) -> None:
    as_installed(root)
    site = load_site(CHECKOUT / "config/sites/demo.yml")
    unit = site.service("hub")
    folder = root / f"etc/systemd/system/{unit}.service.d"
    folder.mkdir()
    (folder / "log.conf").write_text(HUB_LOG.format(log=site.log / f"{unit}.log"))


@pytest.fixture(scope="module")
def own_machine(
    demo: Demo, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Booted]:
    """A machine for these tests alone, with the demo in it. It has no way to packages."""
    soak = request.config.getoption("--soak")
    more = OF_LONG_TESTS if soak else ()
    install("systemd", "dbus", "iproute2", *PACKAGES, *OF_ROOMS, *more)
    with booted(tmp_path_factory.mktemp("own"), prepare) as machine:
        if soak:
            install_ipyparallel(machine.root)
        machine.kit("demo")
        yield machine


@pytest.mark.timeout(4200)
@pytest.mark.parametrize("room", ROOMS_INSIDE)
def test_all_of_a_folder_passes(own_machine: Booted, room: str) -> None:
    run_tests(own_machine, f"tests/{room}", patience=3600)


@pytest.mark.soak
@pytest.mark.timeout(6000)
@pytest.mark.parametrize("room", WITH_LONG_TESTS)
def test_long_tests_of_a_folder_pass(own_machine: Booted, room: str) -> None:
    with online(own_machine) if room == ONLINE else nullcontext():
        run_tests(own_machine, "--soak", f"tests/{room}", patience=5400)


@pytest.mark.soak
@pytest.mark.timeout(4200)
def test_servers_run_on_podman(own_machine: Booted) -> None:
    """The tests of servers on Docker, with Podman's service at the socket."""
    run_tests(own_machine, "tests/workshop/test_servers.py", engine="podman", patience=3600)


def run_tests(machine: Booted, *words: str, patience: float, engine: str = "docker") -> None:
    kit = ["env", "-C", CHECKOUT, f"{INSIDE}=1", f"{ENGINE}={engine}"]
    python = [CHECKOUT / ".kit/bin/python", "-B", "-m", "pytest", "-p", "no:cacheprovider"]
    options = ["-n", "0", "--keep-demo", "-v", "--tb=short"]
    done = machine.run(*kit, *python, *options, *words, check=False, timeout=patience)
    assert done.returncode == 0, failures_in(done.stdout)
    print(done.stdout.splitlines()[-1])


def failures_in(output: str) -> str:
    """The part of pytest's output about failures, without the list of the tests that passed."""
    title = re.search(r"^=+ (FAILURES|ERRORS) =+$", output, re.MULTILINE)
    return output[title.start() :] if title else output[-20_000:]
