"""The hub restarts with many users in its database, while servers run: it holds them all as soon as
it serves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ..attacks.hublog import end_of_log, logged
from ..person import Person
from ..slurm import until
from .agreement import answers, settled
from .conftest import servers
from .machine import Machine, changed

NEVER = (b"appears to have stopped", b"belongs to no server", b"Traceback")


@pytest.mark.parametrize(
    ("known", "absent", "restarts"),
    [
        (1_500, 40, 2),
        pytest.param(1_500, 40, 15, marks=pytest.mark.soak),
        pytest.param(100, 9_900, 5, marks=pytest.mark.soak),
    ],
)
def test_restarts_with_running_servers(
    machine: Machine, people: dict[str, Person], known: int, absent: int, restarts: int
) -> None:
    """Some accounts are gone from the machine; or a directory was silent just then, and most of
    10,000 seem to be."""
    for person in people.values():
        assert person.start("small")[-1].get("ready")
    jobs = machine.live_jobs()
    with many_users(machine, known, absent):
        for _ in range(restarts):
            start = end_of_log(machine.site)
            machine.kill_hub()
            until(
                lambda: all(servers(person).get("", {}).get("ready") for person in people.values()),
                180,
            )
            told = (
                f"{absent} users in the database have no account on this host: "
                "'absent0', 'absent1', 'absent2' and others"
            )
            until(lambda: told.encode() in logged(machine.site, start))  # noqa: B023
            said = logged(machine.site, start)
            assert not [word for word in NEVER if word in said], said.decode()[-20_000:]
            assert {name: answers(person, "") for name, person in people.items()} == dict.fromkeys(
                people, 200
            )
            assert machine.live_jobs() == jobs
        settled(machine, people)
        alice = people["alice"]
        alice.stop_and_wait()
        assert alice.start("small")[-1].get("ready"), (
            "after the last restart no server can be started"
        )
        settled(machine, people)


@contextmanager
def many_users(machine: Machine, known: int, absent: int) -> Iterator[None]:
    """The hub's database with many users more: `known` who have accounts, and `absent` who have
    none."""
    with_account = [f"known{number}" for number in range(known)]
    without = [f"absent{number}" for number in range(absent)]
    lines = "".join(
        f"{name}:x:65534:65534::/nonexistent:/usr/sbin/nologin\n" for name in with_account
    )
    with changed(Path("/etc/passwd"), lambda text: text + lines):
        with machine.stopped("hub"):
            change(machine, ADD, [*with_account, *without])
        try:
            yield
        finally:
            with machine.stopped("hub"):
                change(machine, REMOVE, [*with_account, *without])


ADD = (
    "INSERT INTO users (name, admin, cookie_id, created) VALUES (?1, 0, 'cookie of ' || ?1, '2026-01-01 00:00:00')",
    "INSERT INTO spawners (user_id, name) SELECT id, '' FROM users WHERE name = ?1",
    "INSERT INTO user_role_map (user_id, role_id, managed_by_auth) SELECT users.id, roles.id, 0 FROM users, roles "
    "WHERE users.name = ?1 AND roles.name = 'user'",
)
REMOVE = (
    "DELETE FROM user_role_map WHERE user_id IN (SELECT id FROM users WHERE name = ?1)",
    "DELETE FROM spawners WHERE user_id IN (SELECT id FROM users WHERE name = ?1)",
    "DELETE FROM users WHERE name = ?1",
)


def change(machine: Machine, statements: tuple[str, ...], names: list[str]) -> None:
    """Each statement for each name, in one transaction, while the hub is down."""
    with (
        closing(sqlite3.connect(machine.site.paths.state / "jupyterhub.sqlite")) as database,
        database,
    ):
        for statement in statements:
            database.executemany(statement, [(name,) for name in names])
