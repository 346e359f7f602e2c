"""A hub whose users would get another spawner than ours ends, and says why; running servers go on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..person import Person
from .agreement import settled
from .machine import Machine

ANOTHER = 'c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"'
PROGRAMS = Path(__file__).parent / "programs"


FOREIGN = {
    ANOTHER: "jupyterhub.spawner.SimpleLocalProcessSpawner",
    (PROGRAMS / "read_early.py").read_text(): "JupyterHub's default",
    (PROGRAMS / "replace_later.py").read_text(): "jupyterhub.spawner.LocalProcessSpawner",
}
"""Configurations with another spawner, and how it is named."""


def test_the_hub_ends(machine: Machine, people: dict[str, Person]) -> None:
    alice = people["alice"]
    assert alice.start("small")[-1].get("ready")
    jobs = machine.live_jobs()
    with machine.stopped("hub"):
        for configuration, named in FOREIGN.items():
            with local_configuration(machine, configuration):
                ended = run_hub(machine)
            assert ended.returncode == os.EX_CONFIG, configuration
            [line] = [line for line in ended.stderr.splitlines() if "The hub ends" in line]
            assert f"spawners is {named}, not" in line and f"{machine.site.etc}/local.d" in line
            assert "appears to have stopped" not in ended.stderr
            assert machine.live_jobs() == jobs
    settled(machine, people)
    assert alice.server(), "the next hub, without that configuration, does not hold the server"


@contextmanager
def local_configuration(machine: Machine, text: str) -> Iterator[None]:
    """A file in local.d, JupyterHub configuration of the site's own."""
    folder = machine.site.etc / "local.d"
    was_there = folder.exists()
    folder.mkdir(exist_ok=True)
    file = folder / "zz-test.py"
    file.write_text(text)
    try:
        yield
    finally:
        file.unlink()
        if not was_there:
            folder.rmdir()


def run_hub(machine: Machine) -> subprocess.CompletedProcess[str]:
    """The hub as its service runs it, until it ends by itself."""
    service = machine.service("hub")
    secrets = dict(
        line.split("=", 1)
        for line in service.environment_files[0].read_text().splitlines()
        if "=" in line
    )
    return subprocess.run(
        [
            "setpriv",
            f"--reuid={service.user}",
            f"--regid={service.user}",
            "--init-groups",
            "--",
            *service.command,
        ],
        env=service.environment | {key: value.strip("'\"") for key, value in secrets.items()},
        cwd=service.directory,
        capture_output=True,
        text=True,
        timeout=600,
    )
