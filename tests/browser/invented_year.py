"""Invent the servers of a year on the site triton, for the page of `make report`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sitekit.backends.slurm.job_use import JobUse
from sitekit.hub.ledger.starts_and_idle_time import Usage
from sitekit.operations.usage_report.months import Month
from sitekit.site import Site

PEOPLE = 90
HOUR = 3600.0


class Use(NamedTuple):
    """How a tier is used: its share of all servers, typical hours and seconds in the queue, the
    share of the memory and of the CPUs that is used, and the shares of servers that end in ways
    that their users did not choose."""

    share: float
    hours: float
    wait: float
    memory: float
    cpus: float
    ends: dict[str, float]


TIERS = {
    "long": Use(0.45, 9.0, 20.0, 0.7, 0.6, {"idle": 0.3, "memory": 0.02, "node": 0.02}),
    "small": Use(0.25, 3.0, 200.0, 0.18, 0.55, {"idle": 0.35, "time": 0.1, "network": 0.02}),
    "medium": Use(0.15, 8.0, 300.0, 0.6, 0.6, {"time": 0.4, "idle": 0.1}),
    "large": Use(0.15, 5.0, 600.0, 0.9, 0.7, {"memory": 0.12, "idle": 0.2}),
}


def year(site: Site, months: list[Month]) -> tuple[list[Usage], list[JobUse]]:
    """Return starts of the ledger, and their jobs in the accounting. Each call returns the same."""
    chance = random.Random(16)  # noqa: S311  (the same picture each time)
    pairs = [
        _server(chance, site, number, month)
        for number, month in enumerate(_months(chance, months), start=1000)
    ]
    return [start for start, _ in pairs], [use for _, use in pairs]


def _months(chance: random.Random, months: list[Month]) -> Iterator[Month]:
    """Yield a month for each server. The use grows, and is small in July."""
    for place, month in enumerate(months):
        size = (60 + 12 * place) * (0.4 if month[1] == 7 else chance.uniform(0.8, 1.2))
        yield from [month] * round(size)


def _server(chance: random.Random, site: Site, number: int, month: Month) -> tuple[Usage, JobUse]:
    """Return one start and its job."""
    key = chance.choices([*TIERS], [use.share for use in TIERS.values()])[0]
    use, tier = TIERS[key], site.tier(key)
    user = f"user{min(int(chance.expovariate(1 / 25)), PEOPLE - 1):02}"
    asked = datetime(*month, chance.randint(1, 26), chance.randint(7, 19)).timestamp()
    begin = asked + chance.expovariate(1 / use.wait)
    kind = chance.choices([None, *use.ends], [1 - sum(use.ends.values()), *use.ends.values()])[0]
    elapsed = min(chance.lognormvariate(0, 0.6) * use.hours * HOUR, 0.95 * tier.time)
    elapsed = float(tier.time) if kind == "time" else elapsed
    busy = min(0.98, chance.betavariate(3, 3) * 2 * use.cpus)
    full = 1.0 if kind == "memory" else min(1.0, chance.betavariate(4, 4) * 2 * use.memory)
    limit = tier.cap if kind == "memory" else tier.memory
    start = Usage(
        tag=f"{number:016x}",
        user=user,
        account=user,
        uid=None,
        backend="slurm",
        job=str(number),
        tier=key,
        memory=tier.memory,
        cap=tier.cap,
        cpus=tier.cpus,
        gpus=0,
        intended=asked,
        listening=begin + 8,
        ended=begin + elapsed,
        kind=kind,
        idle=elapsed * chance.betavariate(2, 5),
    )
    job = JobUse(
        job=str(number),
        uid=None,
        user=user,
        state="COMPLETED",
        submit=int(asked),
        start=int(begin),
        end=int(begin + elapsed),
        elapsed=int(elapsed),
        cpus=tier.cpus,
        memory=tier.memory,
        peak_memory=round(full * limit),
        cpu_seconds=busy * elapsed * tier.cpus,
        node="pe1",
    )
    return start, job
