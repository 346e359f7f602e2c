"""From what a provider says to a name, and whether that user is admitted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.hub.login.claims import (
    Claims,
    Refusal,
    are_meant,
    check_admitted,
    name_and_domain,
    text_claim,
    texts,
)
from sitekit.site.sections.login import Login
from sitekit.site.sections.login_provider import People

CLIENT = {
    "client_id": "jupyter",
    "client_secret": "/etc/secret",
    "url": "https://login.example.org",
}


def login(*domains: str, claim: str = "preferred_username", **allow: list[str]) -> Login:
    values = {
        "method": "oidc",
        "allowed_groups": ["users"],
        "provider": CLIENT | {"username": claim},
    }
    allow = {"domains": list(domains), **allow}
    return Login.model_validate(values | {"allow": allow})


ANY = login(users=["alice"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
)


@pytest.mark.parametrize(
    ("domains", "told", "name"),
    [
        ((), "alice", "alice"),
        ((), "Alice", "alice"),
        ((), "alice@uni.example.org", "alice@uni.example.org"),
        (("uni.example.org",), "Alice@UNI.example.org", "alice"),
        (("uni.example.org", "b.example.org"), "alice@b.example.org", "alice@b.example.org"),
    ],
)
def test_one_domain_is_left_out(domains: tuple[str, ...], told: str, name: str) -> None:
    admitted = login(*domains) if domains else ANY
    assert name_and_domain(admitted, {"preferred_username": told})[0] == name


@pytest.mark.parametrize(
    "told",
    [
        "alice",
        "alice@evil.example.org",
        "alice@uni.example.org.evil.org",
        "alice@uni.example.org@evil.org",
        "alice@evil.org@uni.example.org",
        "uni.example.org",
        "@uni.example.org",
        "-x@uni.example.org",
        "..@uni.example.org",
    ],
)
def test_another_domain_is_refused(told: str) -> None:
    with pytest.raises(Refusal):
        name_and_domain(login("uni.example.org"), {"preferred_username": told})


@pytest.mark.parametrize(
    "told",
    [
        "", "a b", "a/b", "a\tb", "a\nb", "a\0b", "x" * 65, "..", ".", "-rf", "\u212aate", "\u0130x",
        "a\u200bb", "a\u202eb", "\ud800", "\U0001f600",
    ],
)  # fmt: skip
def test_an_odd_name_is_refused_in_words(told: str) -> None:
    with pytest.raises(Refusal, match=r"(?i)tell the administrators"):
        name_and_domain(ANY, {"preferred_username": told})


@given(told=JSON | st.dictionaries(st.just("preferred_username"), JSON))
def test_whatever_is_said_gives_a_good_name_or_a_refusal(told: Any) -> None:
    try:
        name, _ = name_and_domain(ANY, told)
    except Refusal as refusal:
        assert str(refusal).isprintable()
    else:
        assert name.isprintable() and 1 <= len(name) <= 64 and not set(name) & set(" /")


@given(first=st.text(max_size=8), second=st.text(max_size=8))
def test_two_names_become_one_only_by_their_capital_letters(first: str, second: str) -> None:
    found = []
    for told in (first, second):
        try:
            found.append(name_and_domain(ANY, {"preferred_username": told})[0])
        except Refusal:
            return
    plain = [one.encode().lower() for one in (first, second)]  # bytes: only a to z
    assert (found[0] == found[1]) == (plain[0] == plain[1])


@pytest.mark.parametrize("verified", [{}, {"email_verified": False}, {"email_verified": "true"}])
def test_an_address_that_nobody_has_verified_is_no_name(verified: dict[str, object]) -> None:
    by_email, told = login(users=["a@b.org"], claim="email"), {"email": "a@b.org"}
    with pytest.raises(Refusal, match="verified"):
        name_and_domain(by_email, told | verified)
    assert name_and_domain(by_email, told | {"email_verified": True})[0] == "a@b.org"


@pytest.mark.parametrize("told", [None, [], "idp", {}, {"idp": None}, {"idp": 5}, {"idp": ["x"]}])
def test_a_missing_claim_is_a_refusal(told: Any) -> None:
    with pytest.raises(Refusal, match="did not return your idp"):
        text_claim(ANY, told, "idp")


@pytest.mark.parametrize("told", [None, "hpc", {"hpc": True}, 7, [["hpc"]], [{"name": "hpc"}]])
def test_odd_groups_are_no_groups(told: Any) -> None:
    assert texts(told) == frozenset()


def test_whoever_is_named_in_any_way_is_meant() -> None:
    people = People(users=("alice",), organizations=("lab",), groups=("hpc",))
    assert are_meant(people, Claims("alice"))
    assert are_meant(people, Claims("bob", organizations=frozenset({"lab"})))
    assert are_meant(people, Claims("bob", groups=frozenset({"hpc", "x"})))
    assert not are_meant(people, Claims("bob", groups=frozenset({"lab"})))
    assert not are_meant(
        People(), Claims("alice", "uni.org", frozenset({"lab"}), frozenset({"hpc"}))
    )


def test_a_domain_restricts_everybody() -> None:
    everybody, few = People(domains=("uni.org",)), People(domains=("uni.org",), users=("alice",))
    assert are_meant(everybody, Claims("bob", "uni.org")) and are_meant(
        few, Claims("alice", "uni.org")
    )
    assert not are_meant(everybody, Claims("bob", "evil.org")) and not are_meant(
        everybody, Claims("bob")
    )
    assert not are_meant(few, Claims("bob", "uni.org"))
    assert not are_meant(few, Claims("alice", "evil.org"))


def test_a_refusal_says_who_was_refused() -> None:
    """So that a former administrator's rights can be taken."""
    with pytest.raises(Refusal) as refused:
        check_admitted(ANY, Claims("eve"))
    assert refused.value.user == "eve"
