"""How a job ended, while Slurm's programs do not show it yet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from slurm_parts import answering

from sitekit.backends.slurm import ended_jobs_and_node_addresses
from sitekit.backends.start_and_job_records import Cause
from sitekit.base.data_files import data
from sitekit.site import Site, load_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = load_site(data("config/sites/demo.yml"))
    return site.model_copy(
        update={"slurm": site.slurm.model_copy(update={"bin": tmp_path, "conf": None})}
    )


def listed(state: str) -> str:
    return answering(["12", "1001", "alice", state, "n1", "1:00", "4:00:00", "0", "None"])


def recorded(state: str) -> str:
    return answering(["12", "1001", "alice", state, "0:0", "60", "n1", "", "240"])


def says(folder: Path, program: str, *scripts: str) -> None:
    """Let the program answer with each of the scripts once, and then always with the last."""
    count = folder / f"{program}.count"
    count.write_text("0")
    cases = "".join(f"{at}) {script}\n;;\n" for at, script in enumerate(scripts[:-1]))
    (folder / program).write_text(
        f"#!/bin/sh\nat=$(cat {count})\necho $((at + 1)) > {count}\n"
        f"case $at in\n{cases}*) {scripts[-1]}\n;;\nesac\n"
    )
    (folder / program).chmod(0o755)


FAILS = "echo 'slurmdbd: connection refused' >&2; exit 1"


@pytest.mark.parametrize(
    ("squeue", "sacct", "by"),
    [
        ((listed("COMPLETING"),), (recorded("RUNNING"), recorded("CANCELLED by 0")), 0),
        (
            (listed("COMPLETING"),),
            (FAILS, recorded("RUNNING"), recorded("CANCELLED by 1001")),
            1001,
        ),
        ((listed("CANCELLED"),), (recorded("RUNNING"), recorded("CANCELLED by 0")), 0),
        ((listed("COMPLETING"), listed("CANCELLED")), (FAILS,), None),
    ],
    ids=["slurmdbd is late", "slurmdbd was away", "slurmdbd is late, no epilog", "no accounting"],
)
def test_a_cancelled_job_did_not_end_by_itself_and_it_is_told_who_cancelled_it(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    squeue: tuple[str, ...],
    sacct: tuple[str, ...],
    by: int | None,
) -> None:
    monkeypatch.setattr(ended_jobs_and_node_addresses, "PAUSE", 0.01)
    monkeypatch.setattr(ended_jobs_and_node_addresses, "PATIENCE", 600)
    says(tmp_path, "squeue", *squeue)
    says(tmp_path, "sacct", *sacct)
    record = asyncio.run(
        ended_jobs_and_node_addresses.ended_job(site, "12", lambda uid, _: uid == 1001)
    )
    assert record and (record.cause, record.by) == (Cause.CANCELLED, by)


def test_an_epilog_that_never_ends_delays_the_answer_by_a_known_time(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    async def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(
        ended_jobs_and_node_addresses, "time", SimpleNamespace(monotonic=lambda: now)
    )
    monkeypatch.setattr(ended_jobs_and_node_addresses, "asyncio", SimpleNamespace(sleep=wait))
    says(tmp_path, "squeue", listed("COMPLETING"))
    says(tmp_path, "sacct", FAILS)
    record = asyncio.run(ended_jobs_and_node_addresses.ended_job(site, "12", lambda *_: True))
    assert record and record.cause is Cause.COMPLETED
    assert now == ended_jobs_and_node_addresses.PATIENCE - ended_jobs_and_node_addresses.PAUSE
    assert (
        int((tmp_path / "squeue.count").read_text())
        == now / ended_jobs_and_node_addresses.PAUSE + 1
    )
