"""A class of 40 starts at once: the drill of a course, its check, and the instructor's page."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest

from sitekit.site.show import dump

from ..bench.class_of_forty import FIGURES
from ..conftest import Demo, logged_in
from ..faults.machine import Machine
from ..sites.cluster import is_deleted, large_nodes
from ..sites.test_gateway_workshop import cpu_seconds
from ..slurm import ask, until
from .conftest import GROUP, PREFIX, Kit

COUNT = 40
NAMES = [f"{PREFIX}{number:02}" for number in range(1, COUNT + 1)]
COURSE = """\
title: A class
starts: {today}
ends: {tomorrow}
tier: small
roster: {{file: names.csv}}
instructors: [carol]
"""


@contextmanager
def offered(kit: Kit, folder: Path) -> Iterator[Kit]:
    """The site with the course of this folder; afterwards as it was."""
    today = date.today()
    course = COURSE.format(today=today, tomorrow=today + timedelta(days=1))
    (folder / "class.yml").write_text(course)
    (folder / "names.csv").write_text("\n".join(NAMES) + "\n")
    paths = kit.site.paths.model_copy(update={"courses": folder})
    site = kit.site.model_copy(update={"paths": paths})
    (folder / "site").mkdir()
    (folder / "site/site.yml").write_text(dump(site))
    with_course = Kit(site, folder / "site/site.yml")
    try:
        code, printed = with_course.run("apply")
        assert code == 0, printed
        yield with_course
    finally:
        assert kit.run("apply")[0] == 0


@contextmanager
def associations(kit: Kit) -> Iterator[None]:
    """Of all participants with the demo's account for teaching."""
    ask(kit.site, "sacctmgr", "--immediate", "add", "user", ",".join(NAMES), "account=teaching")
    last = ("show", "assoc_mgr", f"users={NAMES[-1]}", "flags=assoc")
    until(lambda: f"UserName={NAMES[-1]}(" in ask(kit.site, "scontrol", "--oneliner", *last), 180)
    for partition in kit.site.tier("small").partitions:  # slurmctld reads groups every ten minutes
        words = (f"PartitionName={partition}", f"AllowGroups={GROUP},jupyter-users")
        ask(kit.site, "scontrol", "update", *words)
    try:
        yield
    finally:
        for partition in kit.site.tier("small").partitions:
            words = (f"PartitionName={partition}", "AllowGroups=jupyter-users")
            ask(kit.site, "scontrol", "update", *words)
        for name in NAMES:
            ask(kit.site, "scancel", f"--user={name}")
        until(lambda: not ask(kit.site, "squeue", "--noheader", f"--user={','.join(NAMES)}"), 240)
        until(lambda: is_deleted(kit.site, "user", f"names={','.join(NAMES)}"), 240)


def of_slurm(kit: Kit) -> dict[str, str]:
    """The state of each participant's job."""
    words = ("--noheader", f"--user={','.join(NAMES)}", "--format=%u %T")
    return dict(line.split() for line in ask(kit.site, "squeue", *words).splitlines())


def busy_seconds() -> float:
    """The time that the processors have been busy, those of all containers together."""
    times = psutil.cpu_times()
    return sum(times[:8]) - times.idle - times.iowait


@dataclass(frozen=True)
class Moment:
    """The CPU time used so far: by the processes of this machine, which may be a container on a
    larger one, and by all processes that share its processors."""

    at: float = field(default_factory=time.monotonic)
    own: float = field(default_factory=cpu_seconds)
    shared: float = field(default_factory=busy_seconds)


def figures(began: Moment, ended: Moment) -> dict[str, float]:
    """How long the starts took, beside the CPU time that they needed."""
    cpus, took = os.cpu_count() or 1, ended.at - began.at
    own = (ended.own - began.own) / cpus
    others = max(0.0, (ended.shared - began.shared) / cpus - own)
    ratio = round(took / own, 2)
    seconds = {"starts s": took, "floor s": own, "others s": others}
    return {**{key: round(value, 1) for key, value in seconds.items()}, "of the floor": ratio}


@pytest.mark.soak
def test_forty_start_at_once_and_the_instructor_sees_what_slurm_says(
    kit: Kit, demo: Demo, open_path: Path
) -> None:
    kit.make(COUNT)
    with large_nodes(Machine(demo.site)), offered(kit, open_path) as class_kit:
        code, printed = class_kit.run("course_check", "class")
        assert code == 1 and f"{COUNT} participants without an association" in printed, printed
        assert f"sacctmgr add user {','.join(NAMES)} account=ACCOUNT" in printed
        with associations(class_kit), logged_in(demo, "carol") as carol:
            code, printed = class_kit.run("course_check", "class")
            assert code == 0, printed
            most, began, first, last = 0, time.monotonic(), None, None
            with class_kit.start("course_drill", "class") as process:
                while process.poll() is None:
                    earlier = of_slurm(class_kit)
                    page = carol.http.get("/hub/courses/class/state").json()["participants"]
                    running = {one["name"] for one in page if one["state"] == "running"}
                    states = {**earlier, **of_slurm(class_kit)}
                    assert {states.get(name) for name in running} <= {"RUNNING", "COMPLETING"}, page
                    most = max(most, len(running))
                    known = {one["state"] for one in page}
                    if first is None and {"waiting", "starting", "running"} & known:
                        first = Moment()
                    if last is None and "stopping" in known:
                        last = Moment()
                    time.sleep(1)
                printed = process.communicate()[0]
            assert process.returncode == 0 and f"{COUNT} of {COUNT} servers were ready" in printed
            assert most > COUNT // 2, "the page showed them while they ran"
            assert first is not None and last is not None, "the page showed starts and stops"
            told = {
                "starts": COUNT,
                "all ready s": float(re.findall(r"last (\d+\.\d)", printed)[0]),
                "with their stop s": round(time.monotonic() - began, 1),
                **figures(first, last),
            }
            print(f"{told}; load {os.getloadavg()[0]:.0f}")
            if FIGURES in os.environ:
                Path(os.environ[FIGURES]).write_text(json.dumps(told))
