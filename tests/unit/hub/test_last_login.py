"""Logins at a provider between two logins: to whom a name belongs, how long a login counts, and what
a program for accounts may say."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_sites import demo

from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.login import record_provider_logins
from sitekit.hub.login.claims import Claims, Refusal, identity_of
from sitekit.hub.login.record_provider_logins import LOGIN_AGE, PAUSE, LastLogins, NoWord
from sitekit.hub.servers import unix_accounts_of_users
from sitekit.hub.servers.unix_accounts_of_users import (
    AccountMap,
    NoAccount,
    NotNow,
    ask_program,
    parse,
)
from sitekit.site import Site

PROVIDER = "oidc https://login.example.org"
ALICE, OTHER = (PROVIDER, "17"), (PROVIDER, "18")
OPS = Claims("alice", organizations=frozenset({"hpc"}), groups=frozenset({"ops"}))


def site(**login: object) -> Site:
    """The demo with logins by OpenID Connect, on one account."""
    client = {"client_id": "jupyter", "client_secret": "/etc/ssl/private/jupyter"}
    return demo(login={
        "method": "oidc", "provider": {**client, "url": "https://login.example.org"}, "allowed_groups": [],
        "admin_groups": [], "allow": {"groups": ["hpc"]}, "accounts": {"gateway": "gateway"}, **login,
    })  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


# --- names --------------------------------------------------------------------------------------


def test_a_name_belongs_to_the_first_who_came(ledger: Ledger, tmp_path: Path) -> None:
    logins = LastLogins(site(), ledger)
    logins.check_identity("alice", ALICE)
    logins.record("alice", ALICE, OPS)
    restarted = LastLogins(site(), Ledger(tmp_path / "ledger.sqlite"))
    restarted.check_identity("alice", ALICE)
    with pytest.raises(Refusal, match="belongs to somebody else"):
        restarted.check_identity("alice", OTHER)
    restarted.forget("alice")
    restarted.check_identity("alice", OTHER)


def test_another_provider_has_other_numbers(ledger: Ledger) -> None:
    """A site that changes its provider has looked whether names mean the same people."""
    logins = LastLogins(site(), ledger)
    logins.record("alice", ("github https://github.com", "17"), OPS)
    logins.check_identity("alice", OTHER)
    assert not logins.knows("alice", OTHER), "one who is refused would take the name"
    with pytest.raises(Refusal):
        asyncio.run(logins.claims_now("alice", Provider((OTHER, OPS))))
    logins.record("alice", OTHER, OPS)
    with pytest.raises(Refusal, match="belongs to somebody else"):
        logins.record("alice", ALICE, OPS)


def test_the_claim_with_the_account_is_remembered(ledger: Ledger) -> None:
    """Before a start, the provider may not answer, and an older hub must read the record."""
    logins = LastLogins(site(), ledger)
    logins.record("alice", ALICE, Claims("alice", account="alice2"))
    assert asyncio.run(logins.claims_now("alice", Provider(NoWord()))).account == "alice2"
    logins.record("alice", ALICE, OPS)
    assert "account" not in (ledger.login("alice") or ({}, {}))[1]
    assert asyncio.run(logins.claims_now("alice", Provider(NoWord()))).account == ""


def test_a_number_is_the_providers_own() -> None:
    assert identity_of(site().login, {"sub": "17"}) == ALICE
    github = demo(login={
        "method": "github", "allowed_groups": [], "admin_groups": [], "allow": {"users": ["alice"]},
        "provider": {"client_id": "x", "client_secret": "/etc/x"}, "accounts": {"gateway": "gateway"},
    })  # fmt: skip
    told = {"login": "alice", "id": 17, "sub": "18"}
    assert identity_of(github.login, told) == ("github https://github.com", "17")


@pytest.mark.parametrize("told", [{}, {"sub": ""}, {"sub": True}, {"sub": ["x"]}, [], None])
def test_a_person_without_a_number_is_refused(told: object) -> None:
    with pytest.raises(Refusal, match="did not return your sub"):
        identity_of(site().login, told)


# --- how long a login counts --------------------------------------------------------------------


class Provider:
    """What the provider says when it is asked again, and how often it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, 0

    async def __call__(self, tokens: object) -> tuple[tuple[str, str], Claims]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def now(logins: LastLogins, provider: Provider) -> Claims:
    return asyncio.run(logins.claims_now("alice", provider))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(ledger: Ledger, clock: Clock) -> LastLogins:
    """alice has logged in, and her tokens are valid until the provider refuses them."""
    made = LastLogins(site(), ledger, clock)
    made.record("alice", ALICE, OPS, {"access_token": "x"})
    return made


def test_the_provider_is_asked_again(logins: LastLogins) -> None:
    left = Claims("alice", groups=frozenset({"hpc"}))
    assert now(logins, Provider((ALICE, left))) == left
    assert now(logins, Provider(NoWord())) == left, "what it said last counts"


@pytest.mark.parametrize("other", [(OTHER, OPS), (ALICE, Claims("bob"))])
def test_who_became_somebody_else_logs_in_again(logins: LastLogins, other: object) -> None:
    with pytest.raises(Refusal, match="another name"):
        now(logins, Provider(other))


def test_refused_tokens_are_forgotten(logins: LastLogins) -> None:
    with pytest.raises(Refusal):
        now(logins, Provider(Refusal("no")))
    assert now(logins, later := Provider((ALICE, OPS))) == OPS
    assert later.asked == 0


def test_a_silent_provider_is_left_in_peace_for_a_while(logins: LastLogins, clock: Clock) -> None:
    silent = Provider(NoWord())
    assert [now(logins, silent), now(logins, silent)] == [OPS, OPS]
    assert silent.asked == 1
    clock.now += PAUSE
    now(logins, silent)
    assert silent.asked == 2


@pytest.mark.parametrize("lasts", [300, "300", 300.0])
def test_expired_tokens_are_not_shown(ledger: Ledger, clock: Clock, lasts: object) -> None:
    logins = LastLogins(site(), ledger, clock)
    logins.record("alice", ALICE, OPS, {"access_token": "x", "expires_in": lasts})
    clock.now += 301
    assert now(logins, provider := Provider((ALICE, OPS))) == OPS
    assert provider.asked == 0


@pytest.mark.parametrize("odd", ["soon", None, [], {}])
def test_an_odd_lifetime_is_none(ledger: Ledger, odd: object) -> None:
    logins = LastLogins(site(), ledger)
    logins.record("alice", ALICE, OPS, {"access_token": "x", "expires_in": odd})
    assert now(logins, provider := Provider((ALICE, OPS))) == OPS
    assert provider.asked == 1


@pytest.mark.parametrize("back", [LOGIN_AGE + 1, -3600.0])
def test_without_the_provider_a_login_counts_for_a_day_at_work(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, back: float
) -> None:
    """Also when the clock was set back meanwhile."""
    LastLogins(site(), ledger).record("alice", ALICE, OPS)
    restarted = LastLogins(site(), ledger)
    assert now(restarted, Provider(NoWord())) == OPS
    there = record_provider_logins.time.time()
    monkeypatch.setattr(record_provider_logins.time, "time", lambda: there + back)
    with pytest.raises(Refusal, match="too long ago"):
        now(restarted, Provider(NoWord()))


def test_who_never_came_logs_in_first(ledger: Ledger) -> None:
    with pytest.raises(Refusal, match="no login"):
        now(LastLogins(site(), ledger), Provider((ALICE, OPS)))


def test_a_ledger_from_before_these_logins_takes_them(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite").open()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as older:
        older.executescript("DROP TABLE accounts; DROP TABLE logins")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.record_account("alice", "a1")
    ledger.record_login("alice", "17", {})
    assert ledger.account("alice") == "a1"
    ledger.forget_login("alice")
    assert ledger.account("alice") is None and ledger.login("alice") is None


# --- the program and the list -------------------------------------------------------------------

Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    # on a busy machine, a program may answer late
    monkeypatch.setattr(unix_accounts_of_users, "COMMAND_TIMEOUT", 300)

    def write(body: str) -> Path:
        path = tmp_path / "account"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def ask(path: Path) -> str:
    return asyncio.run(ask_program(path, "alice", os.geteuid()))


def test_the_whole_answer_counts(program: Program) -> None:
    """bob is another person than bob2."""
    assert ask(program("printf bob; sleep 0.3; printf 2")) == "bob2"


@pytest.mark.parametrize(
    "body", ["exit 1", "echo", "echo a b", "yes a | head -c 100000", "echo a; exit 1"]
)
def test_another_answer_is_no_account(program: Program, body: str) -> None:
    with pytest.raises(NoAccount, match="You have no account"):
        ask(program(body))


@pytest.mark.parametrize("body", ["exit 75", "sleep 30", "echo a; sleep 30 & exit 0"])
def test_no_answer_is_no_refusal(
    program: Program, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_accounts_of_users, "COMMAND_TIMEOUT", 0.5)
    with pytest.raises(NotNow):
        ask(program(body))


def test_an_account_outlasts_a_program_that_cannot_tell(ledger: Ledger, program: Program) -> None:
    path = program("echo root")  # an account that every machine has, and no server may
    mapped = AccountMap(site(allowed_groups=["users"], accounts={"command": str(path)}), ledger)
    mapped.root = os.geteuid()
    ledger.record_account("alice", "a1")
    program("exit 75")
    with pytest.raises(NotNow):
        asyncio.run(mapped.determine("alice"))
    assert mapped.of("alice") == "a1"
    program("echo root")
    with pytest.raises(NoAccount, match="account of the system"):
        asyncio.run(mapped.determine("alice"))
    with pytest.raises(NoAccount, match="not known"):
        mapped.of("alice")


@pytest.mark.parametrize("way", ["same", {"gateway": "gateway"}, {"file": "/etc/accounts"}])
def test_who_has_to_log_in_again_gets_no_server(ledger: Ledger, way: object) -> None:
    groups = [] if way == {"gateway": "gateway"} else ["users"]
    mapped = AccountMap(site(allowed_groups=groups, accounts=way), ledger)
    ledger.record_account("alice", "a1")
    assert mapped.of("alice")
    mapped.refused["alice"] = "the last login was too long ago"
    with pytest.raises(NoAccount, match="'alice' has to log in again: the last login"):
        mapped.of("alice")


WORDS = st.text(alphabet="abAB @#-.\t\r\x00\x0b\x1c\u2028\u00e9", max_size=6)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_nobody_gets_an_account_from_another_line(lines: list[tuple[str, str]]) -> None:
    found = parse("\n".join(f"{user} {account}" for user, account in lines))
    for user, account in found.items():
        given_to = {
            words[1] for line in lines if len(words := " ".join(line).split()) == 2
            and words[0] == user and not words[0].startswith("#")
        }  # fmt: skip
        assert given_to == {account} if account else len(given_to) > 1


def test_a_name_with_capitals_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """No user of the hub has such a name."""
    assert parse("Alice a1\nbob b1\n").get("alice") is None
    assert caplog.messages == ["Line 1 of the list of accounts: users' names are in lower case"]
