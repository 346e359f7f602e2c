"""The hub is killed at random moments of people's starts. Afterwards jobs, servers, ledger and
tokens agree exactly."""

from __future__ import annotations

import contextlib
import random
import threading
import time

import httpx
import pytest

from ..person import Person
from .agreement import complaints, patiently, settled
from .conftest import servers
from .machine import Machine

SLOTS = [(user, name) for name in ("", "one", "two") for user in ("alice", "bob", "carol")]
SEED = 20261120


def test_hub_killed_in_six_starts(machine: Machine, people: dict[str, Person]) -> None:
    drill(machine, people, spawns=6, kills=4)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_hub_killed_at_20_points_of_50_starts(machine: Machine, people: dict[str, Person]) -> None:
    drill(machine, people, spawns=50, kills=20)


def drill(machine: Machine, people: dict[str, Person], *, spawns: int, kills: int) -> None:
    """Start `spawns` servers, one after the other; during `kills` of them kill the hub at a random
    moment."""
    dice = random.Random(SEED)  # noqa: S311
    fatal = set(dice.sample(range(spawns), kills))
    tokens: dict[int, str] = {}
    running: dict[tuple[str, str], int] = {}
    for number in range(spawns):
        slot = SLOTS[number % len(SLOTS)]
        person, name = people[slot[0]], slot[1]
        if name in servers(person):
            running.pop(slot, None)
            patiently(lambda p=person, n=name: p.stop(n))
            patiently(lambda p=person, n=name: n not in servers(p), 240)
        moment = dice.uniform(0, 3)
        asking = threading.Thread(target=ask, args=(person, name))
        asking.start()
        if number in fatal:
            time.sleep(moment)
            machine.kill_hub()
        asking.join()
        tokens |= tokens_of(machine)
        for (user, owned), job in running.items():
            model = servers(people[user]).get(owned)
            assert model, (
                f"job {job} was running when the hub was killed, and {user}'s server {owned!r} is lost"
            )
        running = {(row["user"], row["name"]): row["job"] for row in machine.rows() if up(row)}
    settled(machine, people, 360)
    tokens |= tokens_of(machine)
    alive = machine.live_jobs()
    assert {job: machine.token_answers(token) for job, token in tokens.items()} == {
        job: 200 if job in alive else 403 for job in tokens
    }
    assert set(running.values()) <= set(alive)
    assert not complaints(machine, people)


def ask(person: Person, name: str) -> None:
    """Ask for a server and wait for the answer, which the kill may cut off."""
    path = f"/users/{person.name}/" + (f"servers/{name}" if name else "server")
    with contextlib.suppress(httpx.TransportError):
        person.api("POST", path, {"tier": "small"})


def up(row: dict) -> bool:
    """Whether a row is that of a server that had told its port."""
    return row["listening"] and not row["ended"] and not row["abandoned"]


def tokens_of(machine: Machine) -> dict[int, str]:
    """The tokens of the servers that run now, read where root can read them."""
    found = {}
    for job in machine.live_jobs():
        with contextlib.suppress(AssertionError, OSError, KeyError):
            found[job] = machine.token_of(job)
    return found
