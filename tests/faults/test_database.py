"""The hub cannot use its database: pages say so, and go on later. And a start that is cancelled."""

from __future__ import annotations

import html
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from ..person import Person
from ..slurm import until
from .agreement import settled
from .machine import Machine

WORDS = "The hub cannot use its database"


@contextmanager
def locked(machine: Machine) -> Iterator[None]:
    """Somebody else holds the file, as a backup program may that knows nothing of SQLite."""
    # the hub may write at this moment
    path = machine.site.database
    with closing(sqlite3.connect(path, timeout=120, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(machine: Machine) -> Iterator[None]:
    """The hub can make no file longer, as on a disk that is full."""
    limit(machine, "0:unlimited")
    try:
        yield
    finally:
        limit(machine, "unlimited:unlimited")


def limit(machine: Machine, size: str) -> None:
    """As the hub's own account, which may do so."""
    hub = machine.site.hub.user
    argv = [
        "setpriv",
        f"--reuid={hub}",
        f"--regid={hub}",
        "--init-groups",
        "prlimit",
        f"--pid={machine.pid('hub')}",
    ]
    subprocess.run([*argv, f"--fsize={size}"], check=True, capture_output=True, timeout=300)


def test_a_locked_database_is_told_in_words(machine: Machine, people: dict[str, Person]) -> None:
    alice = people["alice"]
    with locked(machine):
        page = alice.http.get("/hub/home")
        asked = alice.api("GET", "/user")
    assert page.status_code == 503 and WORDS in html.unescape(page.text)
    assert asked.status_code == 503 and WORDS in asked.json()["message"]
    assert alice.http.get("/hub/home").status_code == 200
    settled(machine, people)


def test_a_full_disk_is_told_in_words(machine: Machine, people: dict[str, Person]) -> None:
    bob = people["bob"]
    with full(machine):
        page = bob.choose("small")
    said = html.unescape(page.text)
    assert page.status_code >= 500 and WORDS in said and "restarting your server" not in said
    assert bob.start("small")[-1].get("ready")
    settled(machine, people)


def test_a_start_that_is_cancelled_is_never_told_as_ready(
    machine: Machine, people: dict[str, Person]
) -> None:
    carol = people["carol"]
    seen: list[dict[str, Any]] = []
    with machine.partition("jupyter-long", "down"):
        assert carol.choose("long").status_code == 302
        reader = threading.Thread(target=lambda: seen.extend(carol.progress()))
        reader.start()
        until(lambda: machine.live_jobs(), 240)
        with carol_again(carol) as other:
            other.stop()
        reader.join(180)
    assert not reader.is_alive()
    assert seen[-1].get("failed") and not any(event.get("ready") for event in seen), seen
    settled(machine, people)


@contextmanager
def carol_again(person: Person) -> Iterator[Person]:
    """The same person in a second window: the first one reads the progress page."""
    with Person(person.name, person.password, person.base) as other:
        assert other.login().url.path != "/hub/login"
        yield other
