"""The program in place of squeue prints what the hub can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sitekit.backends.slurm.parse_jobs import LISTED, read_jobs
from sitekit.backends.slurm.separate_fields import Frame
from sitekit.backends.start_and_job_records import Phase

PROGRAM = Path(__file__).with_name("listed_jobs.py")


def test_the_hub_reads_the_listed_jobs(tmp_path: Path) -> None:
    (tmp_path / "jobs.json").write_text(json.dumps([[7, 1001, "alice"], [8, 1002, "bob"]]))
    frame = Frame(len(LISTED))
    argv = [sys.executable, PROGRAM, tmp_path / "jobs.json", "--all", frame.format(LISTED)]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    listing = read_jobs(frame.records(printed), "demo")
    assert listing.unreadable == 0
    found = {(job.id, job.user, job.phase) for job in listing.jobs.values()}
    assert found == {("7", "alice", Phase.RUNNING), ("8", "bob", Phase.RUNNING)}
