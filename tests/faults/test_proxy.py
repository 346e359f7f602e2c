"""The proxy is killed: its routes are back at once, and no server has noticed."""

from __future__ import annotations

import contextlib

import httpx

from ..chain.test_chain import python_of
from ..person import Kernel, Person
from ..slurm import jobs, until
from .agreement import answers, settled
from .machine import Machine


def test_routes_are_back_after_the_proxy_was_killed(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice, bob = people["alice"], people["bob"]
    assert alice.start("small")[-1].get("ready")
    assert bob.start("small", "one")[-1].get("ready")
    kernel = alice.kernel(python_of(alice))
    assert kernel.run("kept = 6 * 7") == ""
    before = [*jobs(machine.site, "alice"), *jobs(machine.site, "bob")]
    machine.kill("proxy")
    until(lambda: reaches(alice, "") and reaches(bob, "one"), 120, 0.2)
    again = Kernel(alice, kernel.id, "/user/alice/")
    assert again.run("print(kept)") == "42"
    again.close()
    assert [*jobs(machine.site, "alice"), *jobs(machine.site, "bob")] == before
    settled(machine, people)


def reaches(person: Person, name: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return answers(person, name) == 200
    return False
