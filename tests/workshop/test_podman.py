"""Podman's service in place of Docker: a server is started, limited and ended, and has a card."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.machine.checks import engines

from ..packages import install
from ..slurm import until
from .conftest import Workshop, load_image
from .machine import SOCKET, docker, run, start_engine, stop_engine
from .test_servers import WHO, containers, process_of, python_of, shown

VERSION = ("version", "--format", "{{range .Server.Components}}{{.Name}} {{end}}")


@contextmanager
def podman(folder: Path) -> Iterator[None]:
    """Podman's service at the socket of the site, with its data in `folder`."""
    places = [f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=vfs"]
    places.append(f"--network-config-dir={folder}/networks")
    argv = ["podman", *places, "system", "service", "--time=0", f"unix://{SOCKET}"]
    SOCKET.unlink(missing_ok=True)
    with subprocess.Popen(argv) as service:
        try:
            until(lambda: "Podman Engine" in docker(*VERSION, check=False), 30)
            yield
        finally:
            for name in containers("--all"):
                docker("rm", "--force", name, check=False)
            docker("network", "rm", "sitekit-workshop-vm", check=False)
            service.terminate()


@pytest.fixture
def on_podman(workshop: Workshop) -> Iterator[None]:
    """Docker's service is stopped meanwhile."""
    install("podman", "catatonit", "netavark")
    stop_engine()
    # podman refuses a path of --runroot with more than 50 characters
    with tempfile.TemporaryDirectory(dir="/run", ignore_cleanup_errors=True) as folder:
        try:
            with podman(Path(folder)):
                load_image(workshop.site, Path(folder, "image"))
                yield
        finally:
            SOCKET.unlink(missing_ok=True)
            start_engine(workshop.engine)


@pytest.mark.soak
def test_a_server_lives_and_ends_on_podman(workshop: Workshop, on_podman: None) -> None:
    name = "trainee3"
    found = [one.what for one in engines.look(workshop.site)]
    assert found == ["Docker has no image sitekit/gone:1"]
    networks = ("network", "ls", "--format", "{{.Name}}")
    until(lambda: "sitekit-workshop-vm" in docker(*networks).split(), 30)
    with workshop.person(name) as person:
        person.login()
        told = person.start("docker")
        assert told[-1].get("ready"), told
        kernel = person.kernel(python_of(person))
        who = json.loads(kernel.run(WHO))
        assert (who["uid"], who["homes"]) == (pwd.getpwnam(name).pw_uid, [name])
        assert (int(who["capabilities"], 16), who["privileges"]) == (0, "1")
        kernel.close()
        [container] = containers()
        limits = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}"
        assert docker("inspect", "--format", limits, container) == f"{600 * 1024**2} 1000000000"
        os.kill(process_of(name), signal.SIGKILL)
        assert "signal 9" in shown(person, "crash")["what"]
        assert containers() == []
    gateway = workshop.site.docker.gateway
    until(lambda: f" {gateway}/" in run("ip", "-4", "-oneline", "address", "show"), 30)
