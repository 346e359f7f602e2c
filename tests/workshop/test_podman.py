"""The socket of Podman in place of Docker's: `make diff` refuses it, because the network cannot be."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sitekit.machine.checks import engines
from sitekit.site import Site

from ..packages import install
from ..slurm import until
from .conftest import here
from .machine import run

VERSION = ("version", "--format", "{{.Server.Version}}")


@contextmanager
def podman(folder: Path) -> Iterator[Path]:
    """A service of Podman with its data in `folder`."""
    install("podman")
    socket = folder / "podman.sock"
    places = [f"--root={folder}/root", f"--runroot={folder}/run"]
    places += [f"--network-config-dir={folder}/networks", "--storage-driver=vfs"]
    argv = ["podman", *places, "system", "service", "--time=0", f"unix://{socket}"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as service:
        try:
            until(lambda: run("docker", "-H", f"unix://{socket}", *VERSION, check=False), 30)
            yield socket
        finally:
            service.terminate()


def test_podman_is_refused_with_the_reason() -> None:
    """The second part shows that the reason holds: a later version may give the bridge its name."""
    site: Site = here()
    # podman refuses a path of --runroot with more than 50 characters
    with tempfile.TemporaryDirectory(dir="/run") as folder, podman(Path(folder)) as socket:
        update = {"docker": site.docker.model_copy(update={"socket": socket})}
        found = [one for one in engines.look(site.model_copy(update=update)) if one.refuses]
        assert ["this is Podman" in one.what for one in found] == [True], found
        docker = ("docker", "-H", f"unix://{socket}", "network")
        named = "--opt=com.docker.network.bridge.name=sk-podman"
        run(*docker, "create", "--driver=bridge", "--subnet=172.29.77.0/28", named, "sk-podman")
        [kept] = Path(folder, "networks").glob("sk-podman.*")
        assert json.loads(kept.read_text())["network_interface"] != "sk-podman"
