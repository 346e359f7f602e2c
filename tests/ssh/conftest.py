"""A login node on this host: sshd at a port of its own, and the files of `make gate_bundle`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.contracts import tunnel_paths
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.login_node.gate_bundle import PAGE, gate_bundle
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..conftest import Demo
from ..packages import install
from ..processes import has_ended
from ..slurm import until
from ..sshd import PORT, write_sshd_files

ACCOUNT = "jupyterhub-gate"


@dataclass(frozen=True)
class LoginNode:
    """The site whose hub reaches Slurm through the sshd of `folder`."""

    site: Site
    folder: Path

    def start(self) -> None:
        """Start sshd, and wait until it listens."""
        Path("/run/sshd").mkdir(exist_ok=True)
        log = str(self.folder / "log")
        subprocess.run(["/usr/sbin/sshd", "-f", self.folder / "config", "-E", log], check=True)
        deadline = time.monotonic() + 90
        while not (self.folder / "pid").exists():
            assert time.monotonic() < deadline, Path(log).read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End sshd, if it runs; connections that are open stay."""
        if not (self.folder / "pid").exists():
            return
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, 15)
        until(lambda: has_ended(pid), every=0.05)
        (self.folder / "pid").unlink(missing_ok=True)

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture(scope="package")
def login_node(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginNode]:
    """The demo's hub with this host as its login node; afterwards the demo as it was."""
    install("openssh-server", "openssh-client")
    folder = tmp_path_factory.mktemp("sshd")
    host_key = write_sshd_files(folder)
    as_run = demo_site(which_supervisor())
    values = as_run.model_dump(mode="json")
    values["slurm"]["ssh"] = {
        "host": "127.0.0.1",
        "port": PORT,
        "account": ACCOUNT,
        "host_keys": [host_key],
        "prefix": str(as_run.paths.prefix),
    }
    node = LoginNode(Site.model_validate(values), folder)
    written: list[Path] = []
    subprocess.run(
        ["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", ACCOUNT], check=True
    )
    try:
        assert apply(node.site) == 0
        written += unpack(node, folder / "bundle.tar")
        node.start()
        yield node
        node.stop()
    finally:
        for path in written:
            path.unlink(missing_ok=True)
        assert apply(as_run) == 0
        # userdel refuses while a connection of the hub is ending
        words = ["userdel", "--remove", ACCOUNT]
        until(lambda: subprocess.run(words, capture_output=True).returncode == 0, 180)


TUNNEL = {"host": "127.0.0.1", "port": 18022, "ports": [31000, 31019]}


@pytest.fixture(scope="module")
def tunnels(login_node: LoginNode) -> Iterator[Site]:
    """The same hub with tunnels to its servers; afterwards without, and no trace of a tunnel."""
    values = login_node.site.model_dump(mode="json")
    values["slurm"]["ssh"]["tunnel"] = TUNNEL
    site = Site.model_validate(values)
    try:
        assert apply(site) == 0
        yield site
    finally:
        assert apply(login_node.site) == 0
        shutil.rmtree(tunnel_paths.entries(site))


def unpack(node: LoginNode, file: Path) -> list[Path]:
    """Do what the page of the bundle says; the files that are there now."""
    assert gate_bundle(node.site, str(file)) == 0
    node.site.libexec.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file) as tar:
        names = [Path("/", name) for name in tar.getnames() if name != str(PAGE)]
    extract = ["tar", "-xpf", file, "-C", "/", "--no-overwrite-dir", f"--exclude={PAGE}"]
    subprocess.run(extract, check=True)
    (node.site.libexec / "revoked_keys").touch()
    return [*names, node.site.libexec / "revoked_keys"]


@pytest.fixture
def keys(login_node: LoginNode, tmp_path: Path) -> Iterator[Path]:
    """Copies of the hub's keys, as somebody has them who has taken the hub over."""
    folder = tmp_path / "keys"
    shutil.copytree(login_node.site.etc / "ssh", folder)
    for name in ("key", "user_ca"):
        (folder / name).chmod(0o600)
    yield folder
    shutil.rmtree(folder)
