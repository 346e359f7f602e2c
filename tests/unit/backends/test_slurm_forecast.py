"""What is told about a wait: its reason, the jobs ahead, and when each tier would start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from slurm_parts import job

from sitekit.backends.slurm import forecast as module
from sitekit.backends.slurm.forecast import Forecast
from sitekit.backends.slurm.list_jobs import Waiting
from sitekit.backends.start_and_job_records import NoAnswer, Work
from sitekit.base.data_files import data
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
SOON = int(time.time()) + 60
JOB = job(
    7,
    uid=None,
    state="PENDING",
    partition="jupyter-short",
    host="",
    start=SOON + 7200,
    reason="Resources",
)


def of(user: str) -> Work:
    return Work(tag="0" * 16, user=user, account=user, intended=0.0)


class Asked:
    """A queue that lets everybody ask at once."""

    hidden = ""
    healthy = True

    async def spend(self) -> None:
        pass


def forecast(**starts: int) -> Forecast:
    made = Forecast(SITE, Asked(), list)
    made.starts, made.asked = dict(starts), time.time()
    return made


def test_the_reason_of_a_wait_is_told_with_what_is_known() -> None:
    made = forecast()
    told = made.wait(JOB)
    assert (told.where, told.start, told.limited) == ("jupyter-short", SOON + 7200, False)
    assert "full" in told.reason
    assert made.wait(replace(JOB, reason="AssocMaxJobsLimit")).limited


def test_an_answer_that_does_not_come_is_not_replaced_by_an_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(*_: object) -> int:
        raise NoAnswer("nobody is there")

    monkeypatch.setattr(module.gate_client, "start_of", silent)
    monkeypatch.setattr(module, "waiting_jobs", silent)
    made = forecast(large=SOON)
    asyncio.run(made.ask(of("alice")))
    assert made.starts == {}


def test_what_many_read_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may open the page of a waiting server a thousand times, and others may have ten
    thousand jobs wait."""
    looks: list[int] = []

    class Other(Waiting):
        def __getattribute__(self, name: str) -> Any:
            if name == "partitions":
                looks.append(1)
            return super().__getattribute__(name)

    async def waiting(*_: object) -> list[Waiting]:
        return [Other(number, 5, frozenset({"jupyter-short"})) for number in range(1, 101)]

    async def start(*_: object) -> int:
        return SOON

    monkeypatch.setattr(module, "waiting_jobs", waiting)
    monkeypatch.setattr(module.gate_client, "start_of", start)
    made = forecast()
    asyncio.run(made.ask(of("alice")))
    assert {made.ahead(replace(JOB, id="200")) for _ in range(50)} == {100}
    assert len(looks) == 100
    assert made.ahead(replace(JOB, id="3", priority=5)) == 2
    asyncio.run(made.ask(of("alice")))
    assert made.ahead(replace(JOB, id="200")) == 100 and len(looks) > 200


def test_whose_server_is_asked_for_goes_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One user's own limit, or a gate that does not answer, must not be everybody's forecast."""
    asked: set[str] = set()

    async def ask(_: Forecast, work: Work) -> None:
        asked.add(work.user)
        if asked == {"alice", "bob"}:
            raise asyncio.CancelledError

    monkeypatch.setattr(module.asyncio, "sleep", pause)
    monkeypatch.setattr(Forecast, "ask", ask)
    monkeypatch.setattr(module, "EVERY", -1)
    made = Forecast(SITE, Asked(), lambda: [of("alice"), of("bob")])
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(made.run())


async def pause(_: float) -> None:
    """No time passes."""
