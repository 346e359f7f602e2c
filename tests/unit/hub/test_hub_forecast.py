"""Which tier is said to start sooner than the one that was asked for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from sitekit.backends.slurm.command import Silent
from sitekit.backends.slurm.parse import Job
from sitekit.base.data import data
from sitekit.hub.servers import forecast as module
from sitekit.hub.servers.choices import Choice
from sitekit.hub.servers.forecast import Forecast
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
SOON = int(time.time()) + 60
JOB = Job(7, None, "alice", "PENDING", "jupyter-short", "", SOON + 7200, None, 1, "Resources", None)
SMALL, LARGE = SITE.tier("small"), SITE.tier("large")


class Asked:
    """A queue that lets everybody ask at once."""

    hidden = ""

    async def spend(self) -> None:
        pass


def forecast(**starts: int) -> Forecast:
    made = Forecast(SITE, Asked(), list)
    made.starts, made._asked = dict(starts), time.time()
    return made


def sooner(job: Job, tier: Any, **starts: int) -> str | None:
    told = forecast(**starts).sooner(job, Choice.of(tier).as_dict())
    return told.key if told else None


def test_one_that_is_as_large_is_named() -> None:
    assert sooner(JOB, SMALL, large=SOON) == "large"
    assert sooner(JOB, SMALL, large=SOON + 7200) is None


def test_one_that_is_smaller_is_not() -> None:
    assert sooner(JOB, LARGE, small=SOON, long=SOON, own=SOON) is None


def test_none_is_sooner_for_somebody_who_has_reached_a_limit() -> None:
    assert sooner(replace(JOB, reason="AssocMaxJobsLimit"), SMALL, large=SOON) is None


def test_one_that_not_everybody_may_have_is_not_named() -> None:
    tiers = [tier.model_dump(mode="json") for tier in SITE.tiers]
    tiers[1]["requires"] = {"group": "staff"}
    site = type(SITE).model_validate({**SITE.model_dump(mode="json"), "tiers": tiers})
    made = Forecast(site, Asked(), list)
    made.starts, made._asked = {"large": SOON}, time.time()
    assert made.sooner(JOB, Choice.of(SMALL).as_dict()) is None


def test_an_answer_that_does_not_come_is_not_replaced_by_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_: object) -> int:
        raise Silent("nobody is there")

    monkeypatch.setattr(module.gate, "start_of", silent)
    monkeypatch.setattr(module, "waiting_jobs", silent)
    made = forecast(large=SOON)
    asyncio.run(made._ask("alice"))
    assert made.starts == {}
