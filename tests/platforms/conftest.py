"""Another release of the distribution, made from this machine's own mirror, booted, and with the
checkout in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.demo.software.build_pythons import mirror
from sitekit.demo.software.platform import distribution

from ..checkout import CACHES
from ..conftest import CHECKOUT
from ..packages import install
from ..systemd.booted import Booted, booted, online

# What an administrator has there already, and what else a site may ask for. The demo installs the
# rest by itself. The kernel and ssh(1)'s daemon are for emulated.py.
PACKAGES = (
    "apache2", "ca-certificates", "curl", "dbus", "git", "iproute2", "libapache2-mod-shib",
    "libpam-google-authenticator", "libpam-sss", "libpam-systemd", "linux-image-cloud-amd64", "logrotate", "make",
    "nginx-light", "openssh-server", "openssl", "procps", "python3", "sudo", "systemd-sysv", "udev",
)  # fmt: skip
INSIDE = Path("/srv/sitekit")
# How this machine reaches the registries of Python's and node's packages, and whom it trusts.
REACH = ("etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
REACHING = re.compile(r"PIP_|NPM_CONFIG_|NODE_EXTRA_CA_CERTS$|\w+_PROXY$", re.IGNORECASE)
LEFT_OUT = shutil.ignore_patterns(".git", ".kit*", *CACHES, "local.d")


class Debian:
    """The booted machine, and `make` in it. It runs under this machine's kernel; its own is in the
    folder `kernel`."""

    def __init__(self, machine: Booted, kernel: Path) -> None:
        self.machine, self.kernel = machine, kernel
        self.reach = [f"{key}={value}" for key, value in os.environ.items() if REACHING.match(key)]

    def make(self, *words: object, check: bool = True) -> str:
        argv = ["env", *self.reach, "make", "-C", INSIDE, *words]
        return self.machine.run(*argv, check=check, timeout=1800).stdout

    def pytest(self, *words: object) -> subprocess.CompletedProcess[str]:
        """The tests of the checkout, run in there. They may leave the demo up."""
        shell = [
            "env",
            *self.reach,
            "KIT_TEST=1",
            "sh",
            "-c",
            f'cd {INSIDE} && exec scripts/kit --python -m pytest "$@"',
        ]
        return self.machine.run(
            *shell, "sh", "-q", "--tb=short", "--keep-demo", *words, check=False, timeout=3600
        )


@pytest.fixture(scope="package")
def debian12(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    with debian("bookworm", tmp_path_factory.mktemp("debian12")) as made:
        yield made


@pytest.fixture(scope="package")
def debian13(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    with debian("trixie", tmp_path_factory.mktemp("debian13")) as made:
        yield made


@contextmanager
def debian(release: str, folder: Path) -> Iterator[Debian]:
    """With control groups v2, as these releases have them; this machine's kernel may keep the
    controllers elsewhere."""
    install("mmdebstrap", "slirp4netns")
    (folder / "boot").mkdir()
    try:
        make_tree(release, folder / "tree")
        with booted(folder / "boot", prepare, folder / "tree", "v2") as machine, online(machine):
            machine.run("apt-get", "-qq", "update", timeout=300)
            yield Debian(machine, folder / "tree/boot")
    finally:
        shutil.rmtree(folder)


def make_tree(release: str, tree: Path) -> None:
    words = ["--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}"]
    source = mirror(distribution().codename)
    subprocess.run(["mmdebstrap", *words, release, tree, source], check=True, timeout=900)


def prepare(root: Path) -> None:
    """The checkout, without what was made in it, and no service but the machine's own."""
    shutil.copytree(CHECKOUT, root / INSIDE.relative_to("/"), ignore=LEFT_OUT, symlinks=True)
    for path in (path for path in REACH if Path("/", path).exists()):
        shutil.copy(Path("/", path), root / path)
    (root / "etc/hostname").write_text("booted\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost booted\n::1 localhost\n")
    shutil.rmtree(root / "etc/systemd/system/multi-user.target.wants")
