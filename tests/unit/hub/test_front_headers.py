"""Which headers name a user of `login.method: front`. tests/chain has the whole login."""

from __future__ import annotations

import pytest

from sitekit.hub.login.claims import Refusal
from sitekit.hub.login.front_headers import user_of

SECRET = "5" * 64


def test_the_front_names_the_user() -> None:
    assert user_of(["alice@uni.example.org"], [SECRET], SECRET) == "alice@uni.example.org"


@pytest.mark.parametrize(
    ("users", "proofs", "secret", "why"),
    [
        (["alice"], [], SECRET, "not come from"),
        (["alice"], [""], SECRET, "not come from"),
        (["alice"], ["x"], SECRET, "not come from"),
        (["alice"], ["\u00e9"], SECRET, "not come from"),
        (["alice"], [SECRET, SECRET], SECRET, "not come from"),
        (["alice"], [f"{SECRET}, x"], SECRET, "not come from"),
        (["alice"], [""], "", "not come from"),
        (["alice"], [], "", "not come from"),
        ([], [SECRET], SECRET, "did not return your name"),
        ([""], [SECRET], SECRET, "did not return your name"),
        (["alice", "bob"], [SECRET], SECRET, "did not return your name"),
        (["al\u00efce"], [SECRET], SECRET, "did not return your name"),
    ],
)
def test_all_other_headers_are_refused(
    users: list[str], proofs: list[str], secret: str, why: str
) -> None:
    with pytest.raises(Refusal, match=why):
        user_of(users, proofs, secret)
