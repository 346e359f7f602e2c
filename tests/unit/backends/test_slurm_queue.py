"""The queue snapshot against a squeue that answers, fails, talks rubbish and breaks: the old
snapshot stays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from slurm_parts import answering, record

from sitekit.backends import refresh_snapshot
from sitekit.backends.slurm import read_queue as module
from sitekit.backends.slurm.accounts_and_reservations import Names
from sitekit.backends.slurm.private_data import hidden_jobs
from sitekit.backends.slurm.read_queue import Queue
from sitekit.backends.start_and_job_records import NoAnswer
from sitekit.base.data_files import data
from sitekit.site import Site, load_site

JOB = answering(record(12))
Say = Callable[[str], None]


@pytest.fixture
def squeue(tmp_path: Path) -> tuple[Site, Say]:
    """A site whose squeue is a script, and the way to say what the script does."""

    def does(script: str, program: str = "squeue") -> None:
        new = tmp_path / "new"  # a query that runs now reads its own script to the end
        new.write_text(f"#!/bin/sh\n{script}\n")
        new.chmod(0o755)
        new.rename(tmp_path / program)

    does("echo 'PrivateData = none'; echo 'SlurmUser = slurm(64030)'", "scontrol")
    site = load_site(data("config/sites/demo.yml"))
    return site.model_copy(
        update={"slurm": site.slurm.model_copy(update={"bin": tmp_path, "conf": None})}
    ), does


def with_queue(site: Site, scenario: Callable[[Queue], Awaitable[None]]) -> None:
    async def run() -> None:
        queue = Queue(site)
        loop = asyncio.ensure_future(queue.run())
        try:
            await asyncio.wait_for(scenario(queue), 300)
        finally:
            loop.cancel()

    asyncio.run(run())


@pytest.mark.parametrize(
    "trouble",
    [
        "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
        "printf '\\377\\376|x|RUNNING'",
        f"{JOB}; echo 'Zero Bytes were transmitted'",
        "kill -9 $$",
    ],
)
def test_trouble_keeps_the_snapshot_and_is_told(
    squeue: tuple[Site, Say], trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_snapshot, "FAST", 0.05)  # the same back-off, only shorter
    site, does = squeue
    does(JOB)

    async def scenario(queue: Queue) -> None:
        assert list((await queue.newer()).jobs) == ["12"]
        assert queue.healthy
        does(trouble)
        assert list((await queue.newer()).jobs) == ["12"]
        assert not queue.healthy and queue.silent_since and queue.trouble
        does("true")
        while not queue.healthy:
            await queue.next()
        assert queue.snapshot.jobs == {}

    with_queue(site, scenario)


def test_a_fault_of_our_own_does_not_end_the_loop(
    squeue: tuple[Site, Say], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_snapshot, "FAST", 0.05)
    site, does = squeue
    does(JOB)

    async def broken(_: Site) -> None:
        raise RuntimeError("a fault")

    async def scenario(queue: Queue) -> None:
        listed = module.listed
        monkeypatch.setattr(module, "listed", broken)
        await queue.newer()
        assert not queue.healthy
        monkeypatch.setattr(module, "listed", listed)
        while not queue.healthy:
            await queue.next()

    with_queue(site, scenario)


@pytest.mark.parametrize(
    ("private", "account", "level", "hides"),
    [
        ("none", "alice", "None", False),
        ("jobs", "alice", "None", True),
        ("accounts,jobs,usage", "alice", "", True),
        ("all", "alice", "None", True),
        ("accounts,usage", "alice", "None", False),
        ("jobs", "alice", "Operator", False),
        ("jobs", "alice", "Administrator", False),
        ("jobs", "root", "None", False),
        ("jobs", "slurm", "None", False),
    ],
)
def test_who_sees_other_peoples_jobs(
    squeue: tuple[Site, Say], private: str, account: str, level: str, hides: bool
) -> None:
    site, does = squeue
    does(
        f"echo 'PrivateData             = {private}'; echo 'SlurmUser               = slurm(64030)'",
        "scontrol",
    )
    does(f'case " $* " in *" {account} "*) echo "{level}";; esac', "sacctmgr")
    assert bool(asyncio.run(hidden_jobs(site, account))) == hides


def test_whether_jobs_are_hidden_is_not_guessed(squeue: tuple[Site, Say]) -> None:
    site, does = squeue
    does(
        "echo 'slurm_load_ctl_conf error: Unable to contact slurm controller' >&2; exit 1",
        "scontrol",
    )
    with pytest.raises(NoAnswer):
        asyncio.run(hidden_jobs(site, "alice"))


@pytest.mark.parametrize(
    ("private", "listed", "level", "accounts"),
    [
        ("none", "research", "None", ("research",)),
        ("none", "", "None", ()),
        ("users", "", "None", None),
        ("accounts,jobs", "", "None", None),
        ("jobs", "", "None", ()),
        ("users", "", "Operator", ()),
        ("users", "research", "None", ("research",)),
    ],
)
def test_accounts_that_are_hidden_are_not_taken_for_none(
    squeue: tuple[Site, Say],
    private: str,
    listed: str,
    level: str,
    accounts: tuple[str, ...] | None,
) -> None:
    site, does = squeue
    does(
        'case "$*" in\n'
        f'*associations*) echo "{listed}";;\n'
        f'*configuration*) echo "PrivateData = none"; echo "PrivateData = {private}";;\n'
        f'*"show user"*) echo "{level}";;\nesac',
        "sacctmgr",
    )
    assert asyncio.run(Names(site).accounts("alice")) == accounts


def test_the_comment_of_a_reservation_is_no_field_of_it(squeue: tuple[Site, Say]) -> None:
    site, does = squeue
    does("echo 'ReservationName=class Users=bob Accounts=(null) Comment=Users=alice'", "scontrol")
    assert asyncio.run(Names(site).reservations("alice", ())) == ()
    assert asyncio.run(Names(site).reservations("bob", ())) == ("class",)
