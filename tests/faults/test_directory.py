"""The directory of accounts (sssd, LDAP) is silent while the hub starts: nobody is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..person import Person
from .agreement import patiently
from .machine import Machine

NAME = "no-such-account"


@pytest.fixture
def stranger(people: dict[str, Person]) -> Iterator[str]:
    """A user of the hub whose account the machine does not know: made for one that it knows, and renamed."""
    carol = people["carol"]
    assert carol.api("POST", "/users/games", {}).status_code == 201
    assert carol.api("PATCH", "/users/games", {"name": NAME}).status_code == 200
    yield NAME
    assert patiently(lambda: carol.api("DELETE", f"/users/{NAME}")).status_code == 204


def test_a_user_whose_account_is_not_found_is_kept(machine: Machine, people: dict[str, Person], stranger: str) -> None:
    machine.kill_hub()
    assert patiently(lambda: people["carol"].api("GET", f"/users/{stranger}")).status_code == 200
