"""Which accounts may run the gate, and for which users of the hub."""

from __future__ import annotations

import os
import pwd
from types import ModuleType
from typing import Any

import pytest
from gate_program import gate_program
from machine_sites import demo

from sitekit.contracts.gate_config import gate_config

UIDS = {"gateway": 1500, "alice": 1501, "backup": 34, "root": 0}
CLIENT = {"client_id": "jupyter", "client_secret": "/etc/secret"}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The gate, in a directory of accounts in which nobody is in a group."""
    gate = gate_program()
    monkeypatch.setattr(gate.sys, "argv", ["gate"])
    monkeypatch.setattr(gate, "groups_of", lambda name: {os.getgid(), *os.getgroups()})
    monkeypatch.setattr(gate, "in_group", lambda me, name: False)
    return gate


def config(accounts: Any) -> dict[str, Any]:
    login = {
        "method": "github",
        "admin_groups": [],
        "allowed_groups": [] if "gateway" in accounts else ["jupyter-users"],
        "provider": CLIENT,
        "allow": {"users": ["alice"]},
        "accounts": accounts,
    }
    return gate_config(demo(login=login))


def run_by(gate: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The gate, as if this account ran it."""
    entry = pwd.struct_passwd((name, "x", UIDS[name], 1500, "", f"/home/{name}", "/bin/sh"))
    monkeypatch.setattr(gate.pwd, "getpwuid", lambda uid: entry)
    monkeypatch.setattr(gate.os, "getuid", lambda: UIDS[name])
    monkeypatch.setattr(gate.os, "geteuid", lambda: UIDS[name])


@pytest.mark.parametrize("name", UIDS)
def test_only_the_gateway_account_runs_servers(
    gate: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run_by(gate, monkeypatch, name)
    told = config({"gateway": "gateway"})
    if name == "gateway":
        assert gate.cluster_user(told, member=True).pw_name == "gateway"
    else:
        with pytest.raises(gate.Refused, match="may have servers"):
            gate.cluster_user(told, member=True)


@pytest.mark.parametrize("name", ["root", "backup"])
def test_a_name_in_gate_json_makes_no_account_of_the_system_one_of_users(
    gate: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run_by(gate, monkeypatch, name)
    with pytest.raises(gate.Refused):
        gate.cluster_user(config({"gateway": "gateway"}) | {"accounts": [name]}, member=True)


def test_whose_servers_an_account_runs(gate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run_by(gate, monkeypatch, "gateway")
    account = gate.pwd.getpwuid(0)
    with pytest.raises(gate.Refused, match="no servers of another user"):
        gate.hub_user(config("same"), account, "ann")
    of_file = gate.hub_user(config({"file": "/etc/accounts"}), account, "ann@example.org")
    assert (of_file.user, of_file.home) == ("ann@example.org", "/home/gateway")
    shared = config({"gateway": "gateway"})
    homes = {user: gate.hub_user(shared, account, user).home for user in ("ann", "..", "a|b")}
    assert homes == {
        "ann": "/home/gateway/participants/ann",
        "..": "/home/gateway/participants/=2e.",
        "a|b": "/home/gateway/participants/a=7cb",
    }


def test_no_log_is_where_a_participant_could_put_a_link_in_its_place(
    gate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container shows a participant's home alone. The gate and Slurm follow links outside of it."""
    run_by(gate, monkeypatch, "gateway")
    account = gate.pwd.getpwuid(0)
    shared = config({"gateway": "gateway"})
    logs = {user: gate.hub_user(shared, account, user).logs for user in ("ann", "..")}
    top = f"/home/gateway/{shared['log_dir']}"
    assert logs == {"ann": f"{top}/ann", "..": f"{top}/=2e."}
    own = gate.hub_user(config("same"), account, account.pw_name)
    assert own.logs == f"/home/gateway/{shared['log_dir']}"
