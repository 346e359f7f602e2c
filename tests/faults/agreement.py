"""Whether Slurm's jobs, the hub's servers and the ledger say the same; what they do not is told in
words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from ..person import Person
from .machine import Machine

Answer = TypeVar("Answer")


def patiently(call: Callable[[], Answer], patience: float = 120) -> Answer:
    """Call until the hub, which may be away for a moment, has answered: neither silence nor a 5xx."""
    deadline = time.monotonic() + patience
    while True:
        try:
            answer = call()
        except httpx.TransportError as trouble:
            answer, why = None, str(trouble)
        else:
            if answer is not False and not (
                isinstance(answer, httpx.Response) and answer.status_code >= 500
            ):
                return answer
            why = str(answer)
        assert time.monotonic() < deadline, f"no answer within {patience:g} s: {why}"
        time.sleep(0.3)


def complaints(machine: Machine, people: dict[str, Person]) -> list[str]:
    """Everything in which jobs, servers, ledger and tokens disagree; empty when all is well."""
    rows, jobs, hashes = machine.rows(), machine.live_jobs(), machine.token_hashes()
    still = [row for row in rows if row["ended"] is None]
    held = {(row["user"], row["name"]): row for row in still}
    said = [
        f"two open rows for {key}"
        for key in held
        if sum((r["user"], r["name"]) == key for r in still) > 1
    ]
    for row in still:
        if row["job"] is None or row["abandoned"]:
            said.append(
                f"row {row['tag']} of {row['user']} is open: job {row['job']}, abandoned {row['abandoned']}"
            )
        elif jobs.get(row["job"]) != row["tag"]:
            said.append(
                f"row {row['tag']} of {row['user']} is open, and its job {row['job']} does not live"
            )
        if row["token"] not in hashes:
            said.append(f"the token of {row['user']}'s live server {row['name']!r} is not valid")
    said += [f"job {job} belongs to no server" for job in set(jobs) - {row["job"] for row in still}]
    said += [
        f"the token of ended job {r['job']} is valid"
        for r in rows
        if r["ended"] and r["token"] in hashes
    ]
    for person in people.values():
        model = patiently(lambda p=person: p.api("GET", f"/users/{p.name}")).json()["servers"]
        for name, server in model.items():
            if not server["ready"]:
                said.append(f"{person.name}'s server {name!r} is pending {server['pending']}")
            elif (person.name, name) not in held:
                said.append(f"{person.name}'s server {name!r} has no job")
            elif (status := answers(person, name)) != 200:
                said.append(f"{person.name}'s server {name!r} answers {status}")
        said += [
            f"{u}'s server {n!r} is not known to the hub"
            for u, n in held
            if u == person.name and n not in model
        ]
    return said


def answers(person: Person, name: str) -> int:
    """The status with which a server answers through front and proxy; of a route that leads
    elsewhere, no 200."""
    answer = person.http.get(f"{person.server_path(name)}api", follow_redirects=False)
    return answer.status_code if "version" in answer.text or answer.status_code != 200 else 0


def settled(machine: Machine, people: dict[str, Person], patience: float = 240) -> None:
    """Wait until nothing disagrees. Fails with what still does."""
    deadline = time.monotonic() + patience
    while said := complaints(machine, people):
        assert time.monotonic() < deadline, "\n".join(said)
        time.sleep(1)
