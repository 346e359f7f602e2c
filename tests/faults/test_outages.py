"""Slurm falls silent in four ways under running servers: none is lost, kernels compute on, pages
answer and say so."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from sitekit.demo.cluster.paths_and_ports import SLURMCTLD_PORT

from ..chain.test_chain import python_of
from ..person import Kernel, Person
from ..slurm import jobs, until
from .agreement import answers, complaints, patiently, settled
from .conftest import servers
from .machine import Machine

SILENCE = "The scheduler does not answer; running servers are not affected"
PAGE = 10  # seconds within which every page of the hub has to come
KEPT = f"{SILENCE}. Your request is kept"


@contextmanager
def rubbish(machine: Machine) -> Iterator[None]:
    """Something on slurmctld's port that takes connections and talks nonsense."""
    with (
        machine.stopped("slurmctld"),
        socket.create_server(("127.0.0.1", SLURMCTLD_PORT)) as listener,
    ):
        talking = threading.Thread(target=talk_nonsense, args=(listener,))
        talking.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            talking.join()


def talk_nonsense(listener: socket.socket) -> None:
    while True:
        try:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(
                    b"\x00\x00\x00\x20HTTP/1.1 200 OK\r\n\r\n1|alice|RUNNING|\xff\xfe" * 3
                )
        except OSError:
            if listener.fileno() == -1 or not_listening(listener):
                return


def not_listening(listener: socket.socket) -> bool:
    return not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


OUTAGES: dict[str, Callable[[Machine], AbstractContextManager[None]]] = {
    "slurmctld stopped": lambda machine: machine.stopped("slurmctld"),
    "slurmctld hangs": lambda machine: machine.frozen("slurmctld"),
    "munge stopped": lambda machine: machine.stopped("munge"),
    "rubbish": rubbish,
}


@dataclass
class Class:
    """Three people at work, each with an open kernel, and what must be as it was afterwards."""

    people: dict[str, Person]
    kernels: dict[str, Kernel] = field(default_factory=dict)
    jobs: dict[int, str] = field(default_factory=dict)

    def compute_until(self, done: Callable[[], bool], patience: float = 300) -> None:
        """All compute, again and again, over the WebSockets that they have had from the beginning."""

        def round() -> bool:
            for name, kernel in self.kernels.items():
                assert kernel.run("print(kept)") == name
            return done()

        until(round, patience, 5)


@pytest.fixture
def at_work(machine: Machine, people: dict[str, Person]) -> Iterator[Class]:
    school = Class(people)
    for name, person in people.items():
        assert person.start("small")[-1].get("ready")
        school.kernels[name] = person.kernel(python_of(person))
        assert school.kernels[name].run(f"kept = '{name}'") == ""
    school.jobs = machine.live_jobs()
    assert len(school.jobs) == 3
    yield school
    for kernel in school.kernels.values():
        kernel.close()


def test_outage(machine: Machine, at_work: Class) -> None:
    silence(machine, at_work, OUTAGES["slurmctld stopped"], 25)


@pytest.mark.soak
@pytest.mark.parametrize("kind", OUTAGES)
def test_long_outage(machine: Machine, at_work: Class, kind: str) -> None:
    silence(machine, at_work, OUTAGES[kind], 75)


def silence(
    machine: Machine,
    school: Class,
    outage: Callable[[Machine], AbstractContextManager[None]],
    seconds: float,
) -> None:
    """Three work, and meanwhile one waits for room, one asks for a server and one stops a second
    server."""
    alice, bob, carol = (school.people[name] for name in ("alice", "bob", "carol"))
    assert bob.start("small", "one")[-1].get("ready")
    [second] = set(machine.live_jobs()) - set(school.jobs)
    asked: list[dict[str, Any]] = []
    waited: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: asked.extend(asked_for(alice)))
    waiting = threading.Thread(target=wait_for_room, args=(carol, waited))
    with machine.partition("jupyter-long", "down"):
        waiting.start()
        until(lambda: any("PENDING" in job for job in jobs(machine.site, "carol")), 240)
        with outage(machine):
            since = time.monotonic()
            asking.start()
            assert bob.stop("one").status_code in (202, 204)
            until(lambda: SILENCE in page(bob, "/hub/spawn/bob/two"), 120, 1)
            for person in school.people.values():
                assert "/hub/logout" in page(person, "/hub/home")
            school.compute_until(lambda: time.monotonic() > since + seconds and is_kept(waited))
            assert all(answers(person, "") == 200 for person in school.people.values())
            assert all(servers(person)[""]["ready"] for person in school.people.values())
    school.compute_until(lambda: not (asking.is_alive() or waiting.is_alive()))
    told(asked)
    assert waited[-1].get("ready"), waited[-1]
    school.compute_until(lambda: not complaints(machine, school.people), 240)
    alive = machine.live_jobs()
    assert second not in alive, "the server that was stopped during the outage runs on"
    assert school.jobs.items() <= alive.items()


def wait_for_room(person: Person, events: list[dict[str, Any]]) -> None:
    """Ask for a server, and add each event of the progress page as soon as it comes."""
    assert person.choose("long", "one").status_code == 302
    for event in person.progress("one"):
        events.append(event)


def is_kept(events: list[dict[str, Any]]) -> bool:
    """Whether the one who waits was told of the silence."""
    return any(KEPT in event["message"] for event in events)


def asked_for(person: Person) -> list[dict[str, Any]]:
    """Ask for a server; the progress page's events, or, where the hub knows at once that it cannot
    be, its page."""
    answer = person.choose("long", "one")
    if answer.status_code == 302:
        return list(person.progress("one"))
    return [{"failed": answer.status_code == 503, "message": answer.text}]


def told(events: list[dict[str, Any]]) -> None:
    """Who asked for a server in an outage got it in the end, or was told why not."""
    last = events[-1]
    if not last.get("ready"):
        assert last.get("failed") and SILENCE in last["message"], events


def page(person: Person, path: str) -> str:
    """A page of the hub. One that waits for Slurm takes longer than PAGE each time; a busy machine
    does not."""
    for _ in range(5):
        with suppress(httpx.TimeoutException):
            answer = person.http.get(path, timeout=PAGE)
            break
    else:
        raise AssertionError(f"{path} does not come within {PAGE} s")
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    return answer.text


def test_hub_killed_during_an_outage(machine: Machine, at_work: Class) -> None:
    """The next hub finds the servers without Slurm's help."""
    with machine.frozen("slurmctld"):
        machine.kill_hub()
        for name, person in at_work.people.items():
            until(lambda p=person: servers(p).get("", {}).get("ready"), 240)
            assert answers(person, "") == 200
            assert at_work.kernels[name].run("print(kept)") == name
            assert patiently(lambda p=person: p.lab()).status_code == 200
    settled(machine, at_work.people)
    assert machine.live_jobs() == at_work.jobs
