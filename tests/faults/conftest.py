"""Three people with sessions at the hub, the machine to break, and the question whether jobs and
servers agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ..conftest import Demo
from ..person import Person
from ..slurm import until
from .agreement import patiently, settled
from .machine import Machine

SERVICES = (
    "munge",
    "slurmctld",
    "slurmd-demo1",
    "slurmd-demo2",
    "slurmd-demo3",
    "proxy",
    "hub",
    "front",
)


@pytest.fixture(scope="package")
def machine(demo: Demo) -> Iterator[Machine]:
    """The demo's services; whatever a test left broken is mended."""
    machine = Machine(demo.site)
    yield machine
    machine.mend(*SERVICES)


@pytest.fixture
def people(demo: Demo, machine: Machine) -> Iterator[dict[str, Person]]:
    """alice, bob and carol, logged in, without servers. Afterwards nothing of theirs may be left,
    not even a row."""
    with ExitStack() as stack:
        people = {
            name: stack.enter_context(demo.person(name)) for name in ("alice", "bob", "carol")
        }
        for person in people.values():
            assert person.login().url.path != "/hub/login"
        clear(machine, people)
        yield people
        clear(machine, people)


def clear(machine: Machine, people: dict[str, Person]) -> None:
    """Stop every server, by REST as a user does, and wait until nothing is left; forget the named
    ones."""
    for person in people.values():
        for name in servers(person):
            patiently(lambda p=person, n=name: p.stop(n))
    until(lambda: not any(servers(person) for person in people.values()), 300)
    settled(machine, people)
    assert not machine.live_jobs()
    for person in people.values():
        for name in filter(None, servers(person, "?include_stopped_servers=1")):
            path = f"/users/{person.name}/servers/{name}"
            assert (
                patiently(
                    lambda p=person, at=path: p.api("DELETE", at, {"remove": True})
                ).status_code
                == 204
            )


def servers(person: Person, query: str = "") -> dict[str, dict]:
    """A person's servers by name, those that are being stopped included."""
    return patiently(lambda: person.api("GET", f"/users/{person.name}{query}")).json()["servers"]
