"""`make doctor` names the fault first: of Docker, its images and network, and of the local gate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sitekit.contracts.local_gate_config import bridge

from ..farm.farm import faults_in, unhurried
from ..participants.conftest import Kit
from ..slurm import until
from .conftest import Workshop
from .machine import docker, run, start_engine, stop_engine

GONE = "Docker has no image sitekit/gone:1"
"""What the doctor finds in the site of the tests, which has an image that is missing."""


@pytest.fixture(scope="module")
def kit(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The commands for the site."""
    file = tmp_path_factory.mktemp("site") / "site.yml"
    file.write_text((workshop.site.etc / "site.yml").read_text())
    return Kit(workshop.site, file)


def causes_of(told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The causes that the doctor names, without notes: the check and what it found."""
    causes = [
        (cause["id"], [one["what"] for one in cause["findings"] if one["what"] != GONE])
        for cause in faults_in(told)
    ]
    return [(name, what) for name, what in causes if what]


def found(kit: Kit, first: str = "") -> list[tuple[str, list[str]]]:
    """The causes, of which `first` should be the first; "" if there should be none."""
    words = ("doctor", "JSON=1", "SECONDS=240")

    def expected(told: dict[str, Any]) -> bool:
        return [name for name, _ in causes_of(told)][:1] == ([first] if first else [])

    return causes_of(unhurried(lambda: json.loads(kit.run(*words)[1]), expected))


@contextmanager
def edited(path: Path) -> Iterator[None]:
    text = path.read_text()
    path.write_text(text.replace("sitekit/workshop:2027", "sitekit/workshop:2026"))
    try:
        yield
    finally:
        path.write_text(text)


@contextmanager
def without_engine(workshop: Workshop) -> Iterator[None]:
    stop_engine()
    try:
        yield
    finally:
        start_engine(workshop.engine)


@contextmanager
def without_image(workshop: Workshop) -> Iterator[None]:
    name = workshop.site.docker.images[0].name
    docker("image", "tag", name, "sitekit/kept:1")
    docker("image", "rm", name)
    try:
        yield
    finally:
        docker("image", "tag", "sitekit/kept:1", name)
        docker("image", "rm", "sitekit/kept:1")


@contextmanager
def frozen(workshop: Workshop, *breaks: str) -> Iterator[None]:
    """A command breaks something while the service that mends it does not run."""
    pid = str(workshop.pid("containers"))
    run("kill", "-STOP", pid)
    try:
        run(*breaks)
        yield
    finally:
        run("kill", "-CONT", pid)
        until(lambda: not _missing(workshop), 120)


def _missing(workshop: Workshop) -> bool:
    chain = f"{bridge(workshop.site)}-hub"
    rule = ["-d", workshop.site.docker.gateway, "-j", chain]
    shown = run("ip", "-4", "address", "show", "dev", bridge(workshop.site), check=False)
    with suppress(AssertionError):
        run("iptables", "-w", "-C", "INPUT", *rule)
        return workshop.site.docker.gateway not in shown
    return True


def without_rule(workshop: Workshop) -> Any:
    rule = ["-d", workshop.site.docker.gateway, "-j", f"{bridge(workshop.site)}-hub"]
    return frozen(workshop, "iptables", "-w", "-D", "INPUT", *rule)


def without_address(workshop: Workshop) -> Any:
    address = f"{workshop.site.docker.gateway}/24"
    return frozen(workshop, "ip", "address", "delete", address, "dev", bridge(workshop.site))


@contextmanager
def without_service(workshop: Workshop) -> Iterator[None]:
    unit = workshop.site.service("containers")
    run("systemctl", "stop", unit)
    try:
        yield
    finally:
        run("systemctl", "start", unit)
        until(lambda: not _missing(workshop), 120)


FAULTS: dict[str, Callable[[Workshop], Any]] = {
    "engines.docker": without_engine,
    "engines.images": without_image,
    "engines.service": without_service,
    "engines.network": without_address,
    "engines.hub-port": without_rule,
    "files.edited": lambda workshop: edited(workshop.site.libexec / "local_gate.json"),
}
QUICK = ("engines.images", "engines.hub-port")


def test_a_healthy_site_has_no_finding(kit: Kit) -> None:
    assert found(kit) == []


@pytest.mark.parametrize(
    "check",
    [pytest.param(one, marks=() if one in QUICK else pytest.mark.soak) for one in FAULTS],
)
def test_the_cause_comes_first(workshop: Workshop, kit: Kit, check: str) -> None:
    with FAULTS[check](workshop):
        causes = found(kit, check)
    assert causes and causes[0][0] == check, causes
