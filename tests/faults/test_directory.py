"""The directory of accounts (sssd, LDAP) does not know people for a while: nobody is forgotten, a
start says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..person import Person
from .agreement import patiently, settled
from .machine import Machine, changed
from .test_cards import refused

NAME = "no-such-account"


@pytest.fixture
def stranger(people: dict[str, Person]) -> Iterator[str]:
    """A user of the hub whose account the machine does not know: it did when the user was made."""
    carol, account = people["carol"], f"{NAME}:x:64242:64242::/nonexistent:/usr/sbin/nologin\n"
    with changed(Path("/etc/passwd"), lambda text: text + account):
        assert carol.api("POST", f"/users/{NAME}", {}).status_code == 201
    yield NAME
    assert patiently(lambda: carol.api("DELETE", f"/users/{NAME}")).status_code == 204


def test_a_user_whose_account_is_not_found_is_kept(
    machine: Machine, people: dict[str, Person], stranger: str
) -> None:
    machine.kill_hub()
    assert patiently(lambda: people["carol"].api("GET", f"/users/{stranger}")).status_code == 200


def test_a_start_while_the_directory_does_not_know_its_user_is_a_card(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice = people["alice"]
    with changed(Path("/etc/passwd"), lambda text: re.sub(r"(?m)^alice:.*\n", "", text)):
        told = refused(alice, "small", "directory")
    assert "not found in the directory of accounts" in told["what"]
    assert alice.start("small")[-1].get("ready")
    settled(machine, people)
