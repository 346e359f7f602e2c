"""The account of a user: by name, in a file, from a program."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_sites import demo

from sitekit.contracts.gate_config import gate_config
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.login.claims import account_of
from sitekit.hub.servers import unix_accounts_of_users
from sitekit.hub.servers.unix_accounts_of_users import AccountMap, NoAccount, parse

CLIENT = {
    "client_id": "jupyter",
    "client_secret": "/etc/secret",
    "url": "https://login.example.org",
}
UIDS = {"alice": 1500, "bob": 1501, "daemon": 1, "toor": 0, "BigBob": 1502}


def entry(name: str) -> pwd.struct_passwd:
    """The directory of accounts. It also knows alice by another spelling."""
    real = "alice" if name == "ALICE" else name
    return pwd.struct_passwd((real, "x", UIDS[real], 1500, "", f"/home/{real}", "/bin/sh"))


def mapped(ways: Any, ledger: Path | str = ":memory:") -> AccountMap:
    of_gateway = isinstance(ways, dict) and "gateway" in ways
    login = {
        "method": "oidc",
        "admin_groups": [],
        "allowed_groups": [] if of_gateway else ["jupyter-users"],
        "provider": CLIENT,
        "allow": {"users": ["alice"]},
        "accounts": ways,
    }
    found = AccountMap(demo(login=login), Ledger(ledger), entry)
    found.root = os.getuid()
    return found


def determine(found: AccountMap, user: str) -> str:
    return asyncio.run(found.determine(user))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, a program may answer late."""
    monkeypatch.setattr(unix_accounts_of_users, "COMMAND_TIMEOUT", 300)


def program(folder: Path, text: str) -> Path:
    path = folder / "account"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_same_name_needs_no_record() -> None:
    found = mapped("same")
    assert determine(found, "alice") == found.of("alice") == "alice"
    assert found.of("never-came") == "never-came"


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("carol", "no such account"),
        ("root", "of the system"),
        ("toor", "of the system"),
        ("daemon", "of the system"),
        ("jupyterhub-daemon", "of the system"),
        ("jupyterhub-proxy", "of the system"),
        ("alice@example.org", "no name of an account"),
        ("1alice", "no name of an account"),
        ("ALICE", "spells it 'alice'"),
    ],
)
def test_an_account_that_may_run_nothing_is_refused_in_words(user: str, why: str) -> None:
    with pytest.raises(NoAccount, match=why):
        determine(mapped("same"), user)


@given(user=st.text(max_size=40))
def test_no_name_leads_to_another_account(user: str) -> None:
    try:
        account = determine(mapped("same"), user)
    except NoAccount as refusal:
        assert str(refusal).isprintable()
    else:
        assert account == user and account in ("alice", "bob", "BigBob")


def test_all_share_the_gateway_account() -> None:
    found = mapped({"gateway": "gateway"})
    assert determine(found, "alice@example.org") == found.of("never-came") == "gateway"


def test_the_file_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("# user account\nAlice@example.org bob\nalice@example.org alice\n")
    found = mapped({"file": str(file)})
    assert determine(found, "alice@example.org") == found.of("alice@example.org") == "alice"
    file.write_text("alice@example.org bob\nbob root\n")
    assert determine(found, "alice@example.org") == found.of("alice@example.org") == "bob"
    with pytest.raises(NoAccount, match="of the system"):
        determine(found, "bob")


def test_a_user_whom_the_file_no_longer_has_loses_the_account(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("ann alice\n")
    found = mapped({"file": str(file)})
    determine(found, "ann")
    file.write_text("")
    with pytest.raises(NoAccount, match="no account on the cluster as 'ann'"):
        determine(found, "ann")
    with pytest.raises(NoAccount, match="log in again"):
        found.of("ann")


def test_a_hub_that_has_restarted_knows_it_too(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("ann alice\n")
    ways, ledger = {"file": str(file)}, tmp_path / "ledger.sqlite"
    determine(mapped(ways, ledger), "ann")
    assert mapped(ways, ledger).of("ann") == "alice"


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "accounts"
    file.write_text("ann alice\n")
    file.chmod(mode)
    with pytest.raises(NoAccount, match="Other accounts can change"):
        determine(mapped({"file": str(file)}), "ann")


def test_a_file_of_another_owner_or_none_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    found = mapped({"file": str(file)})
    with pytest.raises(NoAccount, match="cannot be read"):
        determine(found, "ann")
    file.write_text("ann alice\n")
    found.root = os.getuid() + 1
    with pytest.raises(NoAccount, match="Other accounts can change"):
        determine(found, "ann")


def test_a_claim_of_the_provider_is_the_account(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    found = mapped({"claim": "uid"}, ledger)
    assert asyncio.run(found.determine("ann", "alice")) == found.of("ann") == "alice"
    assert mapped({"claim": "uid"}, ledger).of("ann") == "alice", "after a restart too"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "did not return your uid"),
        ({"uid": ""}, "did not return your uid"),
        ({"uid": None}, "did not return your uid"),
        ({"uid": 1500}, "did not return your uid"),
        ({"uid": ["alice"]}, "did not return your uid"),
        ({"uid": {"name": "alice"}}, "did not return your uid"),
        ({"uid": "alice bob"}, "no name of an account"),
        ({"uid": "alice\n"}, "no name of an account"),
        ({"uid": "-ualice"}, "no name of an account"),
        ({"uid": "ALICE"}, "spells it 'alice'"),
        ({"uid": "carol"}, "no such account"),
        ({"uid": "root"}, "of the system"),
        ({"uid": "jupyterhub-daemon"}, "of the system"),
    ],
)
def test_a_claim_that_names_no_account_is_refused_in_words(told: Any, why: str) -> None:
    found = mapped({"claim": "uid"})
    asyncio.run(found.determine("ann", "alice"))
    claimed = account_of(found.site.login, told)
    with pytest.raises(NoAccount, match=why) as refused:
        asyncio.run(found.determine("ann", claimed))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("claimed", ["", "root", "alice bob"])
def test_a_claim_that_is_refused_takes_the_account_away(claimed: str) -> None:
    found = mapped({"claim": "uid"})
    asyncio.run(found.determine("ann", "alice"))
    with pytest.raises(NoAccount):
        asyncio.run(found.determine("ann", claimed))
    with pytest.raises(NoAccount, match="log in again"):
        found.of("ann")


def test_a_claim_is_no_account_where_the_site_names_none() -> None:
    assert account_of(mapped("same").site.login, {"uid": "bob"}) == ""


def test_one_line_harms_no_other() -> None:
    text = "ann alice\nbob\nx y z\n\n  # comment\neve alice\neve bob\ndan dan\ndan dan\nkim\u2028ann bob\n"
    assert parse(text) == {"ann": "alice", "eve": "", "dan": "dan"}


@given(text=st.text(alphabet="ab #\n\r\t\x00\x85\u2028é"), user=st.text(max_size=5))
def test_a_list_gives_nobody_what_it_does_not_say(text: str, user: str) -> None:
    account = parse(text).get(user)
    assert not account or [user, account] in [line.split() for line in text.split("\n")]


def test_a_program_is_given_the_name_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "secret")
    asks = '[ "$#" = 1 ] && [ "$1" = "a;b \\$(id)" ] && [ -z "$OAUTH_CLIENT_SECRET" ] && echo alice'
    found = mapped({"command": str(program(tmp_path, asks))})
    assert determine(found, "a;b $(id)") == found.of("a;b $(id)") == "alice"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo alice; exit 1", "no account on the cluster"),
        ("exit 0", "no account on the cluster"),
        ("echo alice bob", "no account on the cluster"),
        ("echo root", "of the system"),
        ("echo ../alice", "no name of an account"),
        ("sleep 60", "could not be looked up now"),
        ("sleep 60 & wait", "could not be looked up now"),
    ],
)
def test_a_program_that_gives_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    if "sleep" in text:
        monkeypatch.setattr(unix_accounts_of_users, "COMMAND_TIMEOUT", 0.5)
    with pytest.raises(NoAccount, match=why):
        determine(mapped({"command": str(program(tmp_path, text))}), "ann")


def test_a_program_that_others_can_write_is_not_run(tmp_path: Path) -> None:
    path = program(tmp_path, "echo alice")
    path.chmod(0o775)
    with pytest.raises(NoAccount, match="Other accounts can change"):
        determine(mapped({"command": str(path)}), "ann")


def test_the_gate_is_told_whose_servers_an_account_may_run() -> None:
    keys = ("users", "accounts", "participants", "groups")
    told = [
        {key: gate_config(mapped(ways).site).get(key) for key in keys}
        for ways in ("same", {"file": "/etc/accounts"}, {"gateway": "gateway"})
    ]
    assert told == [
        {"users": None, "accounts": None, "participants": None, "groups": ["jupyter-users"]},
        {"users": "any", "accounts": None, "participants": None, "groups": ["jupyter-users"]},
        {"users": "any", "accounts": ["gateway"], "participants": "participants", "groups": []},
    ]
