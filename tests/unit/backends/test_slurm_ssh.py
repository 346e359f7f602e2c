"""Slurm through a login node: what the hub sends is what the gate there takes, and what cannot be
answered ends nothing. A script plays ssh; tests/ssh has the real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from gate_program import gate_program

from sitekit.backends.resource_choice import Choice
from sitekit.backends.slurm import (
    ended_jobs_and_node_addresses,
    gate_client,
    list_jobs,
    private_data,
)
from sitekit.backends.slurm import ssh as over_ssh
from sitekit.backends.slurm import ssh_files as ssh
from sitekit.backends.slurm.accounts_and_reservations import Names
from sitekit.backends.slurm.free_resources import FreeNodes
from sitekit.backends.slurm.read_queue import Queue
from sitekit.backends.slurm.transport import ask_slurm, transport
from sitekit.backends.start_and_job_records import NoAnswer, Refused, Work
from sitekit.contracts.gate_config import gate_config
from sitekit.machine.checks.tiers_fit_cluster import NODES
from sitekit.site import Site

GATE = gate_program()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhCV8pGy6ZBC3j9VwQkMCT1XyB3zSkDPj8kIXbBzq8Q"
NOTHING = '{"ok": true, "code": 0, "out": "", "err": ""}'


QUESTIONS: dict[str, Callable[[Site], Awaitable[Any]]] = {
    "listed": list_jobs.listed,
    "recorded": list_jobs.recorded,
    "by number": lambda site: list_jobs.listed_by_number(site, [str(n) for n in range(2000)]),
    "recorded by number": lambda site: list_jobs.recorded_by_number(site, ["7", "8"]),
    "waiting": lambda site: list_jobs.waiting_jobs(site, ["short", "long_1"]),
    "ended": lambda site: ended_jobs_and_node_addresses.ended_job(site, "7", lambda *_: True),
    "node": lambda site: ended_jobs_and_node_addresses.node_address(site, "cn-0001.hpc"),
    "private data": lambda site: private_data.hidden_jobs(site, "gw"),
    "private accounts": lambda site: private_data.hidden_associations(site, "gw"),
    "accounts": lambda site: Names(site).accounts("alice"),
    "reservations": lambda site: Names(site).reservations("alice", None),
    "nodes": lambda site: ask_slurm(site, "sinfo", *NODES),
    "free": lambda site: FreeNodes(site, Queue(site)).recent(),
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_each_query_of_the_hub_is_one_that_the_gate_runs(
    site: Site, plays: Callable[..., Path], question: Callable[[Site], Awaitable[Any]]
) -> None:
    folder = plays(NOTHING)

    async def ask() -> None:
        # the empty answer cannot be read, which is no matter here
        with contextlib.suppress(NoAnswer):
            await question(site)

    asyncio.run(ask())
    request = json.loads((folder / "given").read_text())
    assert request["verb"] == "query" and len(json.dumps(request)) < GATE.REQUEST_LIMIT
    assert all(GATE.WORD.match(word) for word in request["words"])
    words = "".join(f"{word} " for word in request["words"])
    assert re.fullmatch(GATE.QUERIES[request["program"]], words), words
    assert (folder / "words").read_text().split() == ["-F", str(ssh.config(site)), ssh.HOST]


def test_nothing_of_a_request_is_on_the_command_line(
    site: Site, plays: Callable[..., Path]
) -> None:
    folder = plays('{"ok": true, "job": 7}')
    request = gate_client.request_of(
        Choice.of(site.tiers[0]), "0" * 16, {"JUPYTERHUB_API_TOKEN": "secret"}
    )
    assert asyncio.run(gate_client.submit(site, "gw", request)) == "7"
    assert "secret" in (folder / "given").read_text()
    assert "secret" not in (folder / "words").read_text()


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        ("", 255, "ssh: connect to host login port 22: Connection timed out"),
        ("", 255, "Host key verification failed."),
        ("", 255, "mux_client_request_session: session request failed"),
        ('{"ok": false, "kind": "silent", "error": "squeue did not answer"}', 1, ""),
        ('{"ok": false, "kind": "refused", "error": "no"}', 1, ""),
        ("Welcome to the cluster!", 0, ""),
        ('["ok"]', 0, ""),
        ('{"ok": true, "code": "x", "out": "", "err": ""}', 0, ""),
        ('{"ok": true}', 0, ""),
        ("", 255, "jupyterhub-gate@login: Permission denied (publickey)."),
    ],
)
def test_what_is_no_answer_of_slurm_ends_no_server(
    site: Site, plays: Callable[..., Path], answer: str, code: int, error: str
) -> None:
    plays(answer, code, error)
    with pytest.raises(NoAnswer):
        asyncio.run(list_jobs.listed(site))


def test_a_login_node_that_cannot_be_reached_is_an_outage_of_the_gate(
    site: Site, plays: Callable[..., Path]
) -> None:
    plays("", 255, "ssh: connect to host login port 22: No route to host")
    with pytest.raises(NoAnswer, match="No route to host"):
        asyncio.run(gate_client.submit(site, "gw", {}))


def test_a_login_node_that_lets_nobody_in_refuses(site: Site, plays: Callable[..., Path]) -> None:
    plays("", 255, "gw@login: Permission denied (publickey).")
    with pytest.raises(Refused, match="the login node did not let the hub act for gw"):
        asyncio.run(gate_client.submit(site, "gw", {}))


def test_the_gates_request_is_counted_until_it_ends(site: Site, plays: Callable[..., Path]) -> None:
    """A certificate that cannot be made, too: there is no key to sign with."""
    plays(NOTHING)
    work = Work(tag="0" * 16, user="alice", account="alice", intended=0.0)
    with pytest.raises((NoAnswer, OSError)):
        asyncio.run(gate_client.cancel(site, work, "7", graceful=True))
    assert not gate_client.under_way


async def lines(file: Path, count: int) -> None:
    """Wait until the file has so many lines."""
    while not file.exists() or file.read_text().count("\n") < count:
        await asyncio.sleep(0.02)


async def ended(held: list[asyncio.Future[Any]]) -> None:
    """Cancel the requests, and wait until none is counted any more."""
    for request in held:
        request.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    while gate_client.under_way:
        await asyncio.sleep(0.02)


def test_a_request_that_is_cancelled_before_its_turn_is_counted_out(
    site: Site, plays: Callable[..., Path]
) -> None:
    """Users who stop the gate hold all sessions for users' requests; queries go on meanwhile."""
    folder = plays(NOTHING)
    (folder / "ssh-client").write_text(
        f"#!/bin/sh\ncat > {folder}/given.$$\n"
        f"grep -q query {folder}/given.$$ || {{ echo >> {folder}/held; exec sleep 600; }}\n"
        f"cat {folder}/answer\n"
    )

    async def many() -> None:
        held = [
            asyncio.ensure_future(gate_client.ask_gate(site, "gw", {"user": f"u{n}"}, 600))
            for n in range(8)
        ]
        await lines(folder / "held", over_ssh.OF_ONE)
        waiting = asyncio.ensure_future(gate_client.ask_gate(site, "gw", {"user": "late"}))
        while not gate_client.under_way["late"]:
            await asyncio.sleep(0.02)
        assert gate_client.under_way["late"] == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert "late" not in gate_client.under_way
        assert (await ask_slurm(site, "sinfo", "--noheader")).code == 0
        assert not any(request.done() for request in held), "the query waited for them"
        await ended(held)

    asyncio.run(many())


def test_an_account_whose_gate_is_stopped_leaves_sessions_for_others(
    site: Site, plays: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plays('{"ok": true, "job": 7}')
    (folder / "ssh-client").write_text(
        f'#!/bin/sh\ncase "$*" in *"-l alice"*) echo >> {folder}/held; exec sleep 600;; esac\ncat {folder}/answer\n'
    )

    async def certificate(_: Site, account: str) -> Path:
        return folder / account

    monkeypatch.setattr(over_ssh, "certificate_of", certificate)

    async def many() -> None:
        held = [
            asyncio.ensure_future(gate_client.ask_gate(site, "alice", {}, 600)) for _ in range(8)
        ]
        await lines(folder / "held", over_ssh.OF_ONE)
        assert (await gate_client.ask_gate(site, "bob", {}))["job"] == 7
        assert not any(request.done() for request in held)
        await ended(held)

    asyncio.run(many())


@pytest.mark.parametrize(
    ("port", "key", "line"),
    [
        (22, KEY, f"login.example.org {KEY}\n"),
        (2222, KEY, f"[login.example.org]:2222 {KEY}\n"),
        (22, f"@cert-authority {KEY}", f"@cert-authority login.example.org {KEY}\n"),
    ],
)
def test_known_hosts(site: Site, port: int, key: str, line: str) -> None:
    assert site.slurm.ssh
    node = site.slurm.ssh.model_copy(update={"port": port, "host_keys": (key,)})
    assert ssh.known_host(node) == line


def test_the_gate_of_the_hubs_own_host_runs_no_queries(site: Site) -> None:
    assert gate_config(site)["queries"] == ["gw"]
    local = site.model_copy(update={"slurm": site.slurm.model_copy(update={"ssh": None})})
    assert "queries" not in gate_config(local)
    assert transport(local).name == "sudo" and transport(site).name == "the login node"
