"""A farm of faults: each folder breaks the demo in one way, and names the check that must be first.

A fault is a folder in `faults`: `break.sh` breaks the demo, `expect` has the id of the check, and
`mend.sh` undoes what the functions of tools.sh do not undo by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Demo
from .farm import FARM, Farm, described, faults_in, unhurried

FAULTS = sorted(path.parent for path in (FARM / "faults").glob("*/expect"))
QUICK = (
    "account-expired",
    "course-reservation-missing",
    "current-dangling",
    "home-missing",
    "hub-stopped",
    "module-gone",
    "munge-stopped",
    "nodes-drained",
    "port-taken",
    "site-partition-typo",
    "slurmctld-stopped",
    "state-full",
    "sudoers-wide",
)
"""The faults that `make test` tries. All others are soak tests."""


@pytest.fixture(scope="module")
def farm(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    scratch = tmp_path_factory.mktemp("farm")
    for folder in (scratch, *scratch.parents[:2]):
        folder.chmod(0o755)
    yield Farm(demo.site, scratch)


def _healthy(farm: Farm) -> None:
    (farm.file).write_bytes((farm.site.etc / "site.yml").read_bytes())
    told = unhurried(farm.doctor, lambda told: not faults_in(told))
    assert not faults_in(told), described(told)


def test_a_healthy_site_has_no_finding(farm: Farm) -> None:
    _healthy(farm)


def test_a_job_on_each_partition_finds_nothing(farm: Farm) -> None:
    told = unhurried(
        lambda: farm.doctor("NODES=1", "CHECK=node"), lambda told: told["causes"] == []
    )
    assert told["causes"] == [], described(told)
    assert all(not check["skipped"] for check in told["checks"])


def _marked(fault: Path) -> object:
    marks = () if fault.name in QUICK else (pytest.mark.soak,)
    return pytest.param(fault, id=fault.name, marks=marks)


@pytest.mark.parametrize("fault", [_marked(fault) for fault in FAULTS])
def test_the_cause_comes_first(farm: Farm, fault: Path) -> None:
    expected = (fault / "expect").read_text().strip()
    with farm.broken(fault):
        told = unhurried(farm.doctor, lambda told: first_of(told) == expected)
    assert first_of(told) == expected, described(told)


def first_of(told: dict[str, Any]) -> str:
    """The check that the doctor names first."""
    return str(told["causes"][0]["id"]) if told["causes"] else "nothing"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("command", "fault", "told"),
    [
        ("start", "cookie-secret-broken", "cookie_secret"),
        ("start", "current-dangling", "releases/nothing"),
        ("apply", "sudo-not-set-uid", "/usr/bin/sudo"),
        ("apply", "site-account-missing", "physics"),
    ],
)
def test_a_command_is_refused_before_it_changes_anything(
    farm: Farm, command: str, fault: str, told: str
) -> None:
    with farm.broken(FARM / "faults" / fault):
        done = farm.kit(command)
    assert done.returncode == 2 and told in done.stderr, done.stdout + done.stderr


@pytest.mark.soak
def test_a_healthy_site_is_applied_and_started(farm: Farm) -> None:
    farm.file.write_bytes((farm.site.etc / "site.yml").read_bytes())
    for command in ("apply", "start"):
        done = farm.kit(command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_site_is_healthy_again(farm: Farm) -> None:
    _healthy(farm)
