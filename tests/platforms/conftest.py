"""Another release of the distribution, made from this machine's own mirror, booted, and with the checkout in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.demo.software.platform import distribution
from sitekit.demo.software.pythons import mirror

from ..conftest import CHECKOUT
from ..packages import install
from ..systemd.booted import Booted, booted, online

RELEASE = "trixie"
# What an administrator has there already, and what else a site may ask for. The demo installs the rest by itself.
PACKAGES = (
    "apache2", "ca-certificates", "curl", "dbus", "iproute2", "libapache2-mod-shib", "libpam-google-authenticator",
    "libpam-sss", "libpam-systemd", "logrotate", "make", "nginx-light", "openssl", "procps", "python3", "sudo",
    "systemd-sysv",
)  # fmt: skip
INSIDE = Path("/srv/sitekit")
# How this machine reaches the registries of Python's and node's packages, and whom it trusts.
REACH = ("etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
REACHING = re.compile(r"PIP_|NPM_CONFIG_|NODE_EXTRA_CA_CERTS$|\w+_PROXY$", re.IGNORECASE)
LEFT_OUT = shutil.ignore_patterns(".git", ".kit*", "__pycache__", "local.d")


class Debian13:
    """The booted machine, and `make` in it."""

    def __init__(self, machine: Booted) -> None:
        self.machine = machine
        self.reach = [f"{key}={value}" for key, value in os.environ.items() if REACHING.match(key)]

    def make(self, *words: object) -> str:
        return self.machine.run("env", *self.reach, "make", "-C", INSIDE, *words, timeout=900).stdout


@pytest.fixture(scope="package")
def debian13(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian13]:
    """With control groups v2, as that release has them; this machine's kernel may keep the controllers elsewhere."""
    install("mmdebstrap", "slirp4netns")
    folder = tmp_path_factory.mktemp("debian13")
    (folder / "boot").mkdir()
    try:
        make_tree(folder / "tree")
        with booted(folder / "boot", prepare, folder / "tree", "v2") as machine, online(machine):
            machine.run("apt-get", "-qq", "update", timeout=300)
            yield Debian13(machine)
    finally:
        shutil.rmtree(folder)


def make_tree(tree: Path) -> None:
    words = ["--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}"]
    source = mirror(distribution().codename)
    subprocess.run(["mmdebstrap", *words, RELEASE, tree, source], check=True, timeout=900)


def prepare(root: Path) -> None:
    """The checkout, without what was made in it, and no service but the machine's own."""
    shutil.copytree(CHECKOUT, root / INSIDE.relative_to("/"), ignore=LEFT_OUT, symlinks=True)
    for path in (path for path in REACH if Path("/", path).exists()):
        shutil.copy(Path("/", path), root / path)
    (root / "etc/hostname").write_text("booted\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost booted\n::1 localhost\n")
    shutil.rmtree(root / "etc/systemd/system/multi-user.target.wants")
