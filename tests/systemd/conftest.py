"""The demo under a real systemd: `make demo` in a machine of its own, which the tests then hurt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Demo
from ..packages import install
from .booted import Booted, booted, network_of
from .campus import PACKAGES, download

# What is enabled on this machine, which is none of ours, and what the demo outside has in its
# memory.
NOT_IN_HERE = (
    "etc/systemd/system/*",
    "etc/rc?.d/*",
    "var/log/sitekit/*",
    "var/lib/sitekit/demo/*",
    "var/lib/sitekit/demo-cluster/mariadb*",
    "var/lib/sitekit/demo-cluster/slurm*",
)
# Two things that the tests can ask of the hub by a signal; the site's own configuration of
# JupyterHub is read last.
HURT = Path(__file__).parent / "programs" / "hurt.py"


@pytest.fixture(scope="package")
def machine(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """Up, with the demo in it; whoever runs these tests reaches it as `localhost`."""
    install("systemd", "dbus", "iproute2", *PACKAGES)
    with booted(tmp_path_factory.mktemp("booted"), as_installed) as machine:
        machine.kit("demo")
        with network_of(machine.holder):
            yield machine


def as_installed(root: Path) -> None:
    """As a machine on which no service is enabled and nothing has happened yet."""
    (root / "etc/fstab").write_text("")
    (root / "etc/nologin").unlink(missing_ok=True)  # of a test of accounts
    # At the end of all units systemd waits so long for what is left: the processes of jobs, which
    # do not heed SIGTERM.
    (root / "etc/systemd/system.conf.d").mkdir(exist_ok=True)
    (root / "etc/systemd/system.conf.d/soon.conf").write_text(
        "[Manager]\nDefaultTimeoutStopSec=3\n"
    )
    (root / "etc/hostname").write_text("booted\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost booted\n::1 localhost\n")
    (root / "etc/sitekit/demo/local.d/hurt.py").write_text(HURT.read_text())
    download(root)
    for pattern in NOT_IN_HERE:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.fixture(autouse=True)
def calm(machine: Booted) -> Iterator[None]:
    """Each test begins without restarts that count; what it has set is forgotten afterwards."""
    machine.systemctl("reset-failed")
    yield
    machine.systemctl("revert", "sitekit-demo-hub.service")
