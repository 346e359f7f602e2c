"""A class of 40 starts at once: the drill of a course, its check, and the instructor's page."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from sitekit.site.show import dump

from ..bench.class_of_forty import FIGURES
from ..conftest import Demo, logged_in
from ..faults.machine import Machine
from ..sites.cluster import large_nodes
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
    until(lambda: f"UserName={NAMES[-1]}(" in ask(kit.site, "scontrol", "--oneliner", *last))
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
        until(lambda: not ask(kit.site, "squeue", "--noheader", f"--user={','.join(NAMES)}"), 120)
        ask(kit.site, "sacctmgr", "--immediate", "delete", "user", f"names={','.join(NAMES)}")


def of_slurm(kit: Kit) -> dict[str, str]:
    """The state of each participant's job."""
    words = ("--noheader", f"--user={','.join(NAMES)}", "--format=%u %T")
    return dict(line.split() for line in ask(kit.site, "squeue", *words).splitlines())


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
            most, before, began = 0, cpu_seconds(), time.monotonic()
            with class_kit.start("course_drill", "class") as process:
                while process.poll() is None:
                    earlier = of_slurm(class_kit)
                    page = carol.http.get("/hub/courses/class/state").json()["participants"]
                    running = {one["name"] for one in page if one["state"] == "running"}
                    states = {**earlier, **of_slurm(class_kit)}
                    assert {states.get(name) for name in running} <= {"RUNNING", "COMPLETING"}, page
                    most = max(most, len(running))
                    time.sleep(1)
                printed = process.communicate()[0]
            floor = (cpu_seconds() - before) / (os.cpu_count() or 1)
            assert process.returncode == 0 and f"{COUNT} of {COUNT} servers were ready" in printed
            assert most > COUNT // 2, "the page showed them while they ran"
            last = float(re.findall(r"last (\d+\.\d)", printed)[0])
            took = time.monotonic() - began
            figures = {
                "starts": COUNT,
                "all ready s": last,
                "with their stop s": round(took, 1),
                "floor s": round(floor, 1),
                "of the floor": round(took / floor, 2),
            }
            print(f"{figures}; load {os.getloadavg()[0]:.0f}")
            if FIGURES in os.environ:
                Path(os.environ[FIGURES]).write_text(json.dumps(figures))
