"""A second backend takes a server through its life, by sitekit.backends.interface alone: no other
code knows of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..person import Person
from ..processes import has_ended
from ..slurm import until
from .agreement import answers
from .conftest import servers
from .machine import Machine, changed
from .test_cards import card

TIER = (
    "{key: fake, title: On the second backend, runs_on: fake, partitions: [none], "
    "memory: 300M, time: 1h, idle: never}"
)
LINE = """
import sys
sys.path.insert(0, {folder!r})
from sitekit.site.backend_names import BACKENDS
BACKENDS["fake"] = "fake_backend:FakeBackend"

"""


@pytest.fixture(scope="module")
def jobs(machine: Machine) -> Iterator[Path]:
    """The folder of the second backend's jobs. The hub knows the backend, and a tier runs on it."""
    site, folder = machine.site, machine.site.paths.state / "fake"
    with ExitStack() as stack:
        stack.callback(restart, machine)  # after the files are as they were
        code = stack.enter_context(tempfile.TemporaryDirectory(prefix="sitekit-test-"))
        Path(code).chmod(0o755)
        shutil.copy(Path(__file__).with_name("fake_backend.py"), code)
        stack.enter_context(changed(site.etc / "site.yml", with_tier))
        config = site.etc / "jupyterhub_config.py"
        stack.enter_context(changed(config, lambda text: LINE.format(folder=code) + text))
        restart(machine)
        yield folder
    shutil.rmtree(folder)


def with_tier(text: str) -> str:
    """A site file with the tier TIER before its first one."""
    return re.sub(r"(?m)^( *)- key: small", rf"\1- {TIER}\n\g<0>", text, count=1)


def restart(machine: Machine) -> None:
    """The hub, with what its files say now."""
    with machine.stopped("hub"):
        pass


def new_job(jobs: Path, before: set[Path]) -> Path:
    """The folder of the job that was not there before, once its process is there."""
    [file] = until(lambda: set(jobs.glob("fake-*/job")) - before, 240)
    return file.parent


def process_of(job: Path) -> int:
    """The process group of a job."""
    return int((job / "job").read_text().partition('"pid": ')[2].partition(",")[0])


def test_a_server_waits_starts_survives_the_hub_and_stops(
    machine: Machine, people: dict[str, Person], jobs: Path
) -> None:
    alice = people["alice"]
    assert "On the second backend" in alice.form()
    assert alice.choose("fake").status_code == 302
    job = new_job(jobs, set())
    waits = f"Job {job.name} waits. Nobody has said go."
    assert next(event for event in alice.progress() if event["message"] == waits)
    machine.kill_hub()
    assert not answers_with(alice, "ready"), "it still waits, and the next hub knows it"
    (job / "go").touch()
    assert until(lambda: answers_with(alice, "ready"), 240)
    assert answers(alice, "") == 200
    machine.kill_hub()
    assert until(lambda: answers_with(alice, "ready"), 240)
    assert answers(alice, "") == 200
    (jobs / "away").touch()
    restart(machine)
    assert answers(alice, "") == 200, "a backend that does not answer ends no server"
    (jobs / "away").unlink()
    [row] = [row for row in machine.rows() if not row["ended"]]
    assert (row["backend"], row["job"], row["account"]) == ("fake", job.name, "alice")
    alice.stop_and_wait()
    until(lambda: (job / "exit").exists() or has_ended(process_of(job)))


def answers_with(person: Person, key: str) -> object:
    """What the hub says of the person's ordinary server."""
    return (servers(person).get("") or {}).get(key)


def test_what_became_of_it_is_told(people: dict[str, Person], jobs: Path) -> None:
    alice = people["alice"]
    (jobs / "full").touch()
    assert alice.choose("fake").status_code != 302 or not list(alice.progress())[-1].get("ready")
    assert card(alice)["what"] == "The second backend has no more room."
    (jobs / "full").unlink()
    before = set(jobs.glob("fake-*/job"))
    assert alice.choose("fake").status_code == 302
    job = new_job(jobs, before)
    (job / "go").touch()
    assert until(lambda: answers_with(alice, "ready"), 240)
    os.killpg(process_of(job), signal.SIGKILL)
    until(lambda: not servers(alice), 300)
    told = until(lambda: card(alice))
    assert told["kind"] == "crash" and "signal 9" in told["what"]


def test_slurm_goes_on_beside_it(people: dict[str, Person], jobs: Path) -> None:
    bob = people["bob"]
    assert bob.start("small")[-1].get("ready")
    assert answers(bob, "") == 200
