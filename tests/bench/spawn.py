"""The row `spawn`: the time from the request for a server until the server answers, in seconds.

The row compares a start by sitekit (ours), by the packages wrapspawner and batchspawner (upstream),
by jupyterhub_moss, and of the same job that a user submits by hand (floor).
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..person import Person
from .common import Bench, keep, memory, table
from .floor import Floor
from .moments import first_process, uptime
from .upstream import UpstreamHub

GOAL = 0.3  # seconds over the floor, median
GOAL_WITHOUT_SLURM = 0.8  # seconds, median
USER = "alice"
TIER = "small"

Start = Callable[[], tuple[float, float, int]]
"""Start a server; (moment of the request, moment when it answered, job), in seconds since the
machine's boot."""


def measure(bench: Bench, times: int) -> None:
    """`times` starts of each kind, in turn; print and keep medians, extremes and every figure."""
    with ExitStack() as stack:
        person = stack.enter_context(Person(USER, bench.passwords[USER], bench.site.front.url))
        if person.login().url.path == "/hub/login":
            raise SystemExit("The demo's hub does not let alice in")
        if person.server() is not None:
            person.stop_and_wait()
        floor = stack.enter_context(Floor(bench, USER, TIER))
        upstream = stack.enter_context(UpstreamHub(bench, USER, TIER))
        moss = stack.enter_context(UpstreamHub(bench, USER, TIER, moss=True))
        kinds: dict[str, tuple[Start, Callable[[], None]]] = {
            "ours": (lambda: _ours(bench, person), person.stop_and_wait),
            "floor": (floor.start, floor.stop),
            "upstream": (upstream.start, upstream.stop),
            "jupyterhub_moss": (moss.start, moss.stop),
        }
        taken: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
        for turn in range(times + 1):  # the first turn warms the caches and is not counted
            for kind, (start, stop) in kinds.items():
                time.sleep(random.uniform(2, 3))  # noqa: S311  (slurmctld schedules once a second: any phase of it)
                try:
                    asked, answered, job = start()
                    began, environment = first_process(USER, job)
                    if kind == "ours":
                        floor.like(environment)
                finally:
                    stop()
                if turn:
                    taken[kind].append(
                        {
                            "all": answered - asked,
                            "to script": began - asked,
                            "script": answered - began,
                        }
                    )
        hubs = {
            "ours": memory(bench.hub()),
            "upstream": upstream.memory(),
            "jupyterhub_moss": moss.memory(),
        }
    rows = [_row(kind, taken[kind], taken["floor"]) for kind in kinds]
    over = rows[0]["over floor"]
    rest = statistics.median(one["all"] - one["to script"] for one in taken["ours"])
    met = "met" if rest <= GOAL_WITHOUT_SLURM else "MISSED"
    notes = [
        f"After the job's first line, ours needs {rest:.2f} s until ready (goal {GOAL_WITHOUT_SLURM} s, {met}).",
        f"Ours needs {over:.2f} s more than floor (goal {GOAL} s, {'met' if over <= GOAL else 'MISSED'}).",
        "floor: the user submits the same job script by sbatch, without a hub. The time ends when the "
        "server answers an HTTP request.",
        "to script: the time from the request until the first line of the job's script runs. script: the "
        "time from this first line until the server is ready.",
        "upstream: the packages wrapspawner and batchspawner. jupyterhub_moss: the spawner of the package "
        "jupyterhub_moss, which uses batchspawner.",
        "Resident memory of the hub processes: "
        + ", ".join(f"{kind} {size} MiB" for kind, size in hubs.items())
        + ".",
    ]
    table(f"spawn: seconds from the request to ready, {times} starts of each in turn", rows, notes)
    keep("spawn", rows=rows, taken=taken, hubs=hubs, notes=notes)


def _row(kind: str, taken: list[dict[str, float]], floor: list[dict[str, float]]) -> dict[str, Any]:
    def middle(what: str, of: list[dict[str, float]]) -> float:
        return statistics.median(one[what] for one in of)

    whole = [one["all"] for one in taken]
    return {
        "start": kind,
        "median": round(middle("all", taken), 2),
        "min": round(min(whole), 2),
        "max": round(max(whole), 2),
        "over floor": round(middle("all", taken) - middle("all", floor), 2),
        "to script": round(middle("to script", taken), 2),
        "script": round(middle("script", taken), 2),
    }


def _ours(bench: Bench, person: Person) -> tuple[float, float, int]:
    """The REST API through the front, with the person's session; it answers when the server is
    ready, or after 10 s."""
    asked = uptime()
    answer = person.api("POST", f"/users/{person.name}/server", {"tier": TIER})
    if answer.status_code == 202:
        assert list(person.progress())[-1].get("ready")
    else:
        assert answer.status_code == 201, answer.text
    answered = uptime()
    assert person.http.get(f"/user/{person.name}/api").status_code == 200
    words = (
        "--noheader",
        "--states=running",
        f"--user={person.name}",
        f"--name={bench.site.job_name}",
        "--format=%i",
    )
    [job] = bench.slurm("squeue", *words).splitlines()
    return asked, answered, int(job)
