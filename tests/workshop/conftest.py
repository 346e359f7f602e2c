"""The site workshop-vm of config/sites, brought up on this machine, with servers on Docker and on
systemd."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sitekit.contracts.local_gate_config import bridge
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.services_of_site import site_services, site_supervisor
from sitekit.machine.run.start_and_stop import start, stop
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.machine.uninstall.uninstall import uninstall
from sitekit.site import Site, load_site

from ..conftest import CHECKOUT, Demo
from ..packages import install
from ..person import Person
from ..slurm import until
from . import image
from .machine import PASSWORDS, SOCKET, accounts, docker, engine, run, start_engine, stop_engine

SIZES = {"memory": "300M", "memory_cap": "600M", "idle": "never"}
BRIEF = "0:01:30"


def tiers() -> list[dict[str, Any]]:
    """The tiers of the tests: on each engine an ordinary one, and one with little time."""
    docker_tier = {**SIZES, "runs_on": "docker", "images": ["python-r"]}
    systemd_tier = {**SIZES, "runs_on": "systemd"}
    gone = {**docker_tier, "images": ["gone"]}
    return [
        {"key": "docker", "title": "In a container", "time": "2:00:00", **docker_tier},
        {"key": "systemd", "title": "In a unit", "time": "2:00:00", **systemd_tier},
        {"key": "docker-brief", "title": "Container, brief", "time": BRIEF, **docker_tier},
        {"key": "systemd-brief", "title": "Unit, brief", "time": BRIEF, **systemd_tier},
        {"key": "gone", "title": "An image that is missing", "time": "2:00:00", **gone},
    ]


@dataclass(frozen=True)
class Workshop:
    """The site that is up, and the folder of its engine."""

    site: Site
    engine: Path

    def person(self, name: str) -> Person:
        return Person(name, PASSWORDS[name], self.site.front.url)

    def pid(self, part: str) -> int:
        """The main process of a service of the site."""
        name = self.site.service(part)
        services = site_services(self.site, this_platform())
        service = next(one for one in services if one.name == name)
        pid = site_supervisor(self.site).state(service).pid
        assert pid, f"{name} does not run"
        return pid

    def restart_engine(self) -> None:
        stop_engine()
        start_engine(self.engine)


def here() -> Site:
    """The site file with this machine's paths and ports, and the tiers of the tests."""
    demo = demo_site(which_supervisor())
    values = load_site(CHECKOUT / "config/sites/workshop-vm.yml").model_dump(mode="json")
    values["paths"]["prefix"] = str(demo.paths.prefix)
    values["front"]["url"] = "https://localhost:9443"
    values["kernels"]["modulepath"] = [str(path) for path in demo.kernels.modulepath]
    [known] = values["docker"]["images"]
    known["python"] = image.PYTHON
    values["docker"] |= {
        "socket": str(SOCKET),
        "images": [known, {"key": "gone", "title": "Missing", "name": "sitekit/gone:1"}],
    }
    values["tiers"] = tiers()
    return Site.model_validate(values)


@pytest.fixture(scope="package")
def workshop(demo: Demo) -> Iterator[Workshop]:
    """The site with its engine; afterwards nothing of either is left."""
    install("docker.io", "iptables", "nginx-light", "r-base-core", "r-cran-irkernel")
    site = here()
    top = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    top.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, top)
        stack.enter_context(accounts())
        stack.enter_context(engine(top / "engine"))
        load_image(site, top / "image")
        assert apply(site) == 0
        stack.callback(uninstall, site, "purge")
        stack.callback(stop, site)
        stack.callback(end_servers, site)
        assert start(site) == 0
        yield Workshop(site, top / "engine")
    with suppress(AssertionError):  # systemd forgets a unit a moment after its file is removed
        until(lambda: not left(site))
    assert left(site) == []


def left(site: Site) -> list[str]:
    """What is left of the site's network, units and folders after it was uninstalled."""
    links = run("ip", "-brief", "link", check=False)
    texts = {
        "bridge": links,
        "rule": run("iptables", "-S"),
        "unit": run("systemctl", "list-units", "--all"),
    }
    found = [name for name, text in texts.items() if bridge(site) in text or site.job_name in text]
    return found + [str(path) for path in (site.run, site.etc, site.libexec) if path.exists()]


def end_servers(site: Site) -> None:
    """End what tests that failed have left."""
    run("systemctl", "stop", f"{site.job_name}-*")
    for name in docker("ps", "--all", "--quiet").split():
        docker("rm", "--force", name)


def load_image(site: Site, folder: Path) -> None:
    """Give the image to the engine."""
    image.build(folder, site.current.resolve())
    with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as packed:
        words = [
            "/usr/bin/docker",
            "-H",
            f"unix://{SOCKET}",
            "import",
            "-c",
            "ENV PATH=/opt/py/bin:/usr/bin:/bin",
        ]
        subprocess.run(
            [*words, "-", image.NAME], stdin=packed.stdout, check=True, capture_output=True
        )
    shutil.rmtree(folder)
