"""The row `allocation`: the time from the submission of a job until the first line of the job's script
runs, in seconds.

The row compares two ways to submit a job: with `sbatch`, as the gate does, and with `salloc
--immediate` and `srun` (docs/performance.md).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sitekit.base.run_program import Argv

from .common import Bench, ended, keep, table

USER = "alice"
PAUSE = 0.3  # seconds between two submissions, so that each but the first follows another closely
LONGEST = 60.0  # seconds until a job has written its first line


def measure(bench: Bench, times: int) -> None:
    """`times` jobs of each kind, in a row; print and keep medians, extremes and every figure."""
    with tempfile.TemporaryDirectory(prefix="sitekit-bench-allocation-") as name:
        Path(name).chmod(0o1777)
        jobs = _Jobs(bench, Path(name))
        taken = {"sbatch": jobs.series(jobs.by_sbatch, times)}
        taken["salloc, srun"] = jobs.series(jobs.by_salloc, times)
    rows = [
        {
            "kind": kind,
            "median s": round(statistics.median(seconds), 2),
            "least": round(min(seconds), 2),
            "most": round(max(seconds), 2),
        }
        for kind, seconds in taken.items()
    ]
    parameters = bench.slurm("scontrol", "show", "config")
    notes = [
        line
        for line in parameters.splitlines()
        if line.startswith(("SchedulerParameters", "SLURM_V"))
    ]
    table(f"allocation: to the first line of a job, {times} jobs of each kind", rows, notes)
    keep("allocation", rows=rows, taken=taken, notes=notes)


class _Jobs:
    """Jobs of one user that write the time of their first line to a file, and stay."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench, self._folder = bench, folder
        self._script = f"date +%s.%N >{folder}/$SLURM_JOB_ID; exec sleep 600"
        [partition, *_] = bench.site.tiers[0].partitions
        self._options = [f"--partition={partition}", "--ntasks=1", "--mem=50M", "--time=11"]
        self._clients: list[subprocess.Popen[Any]] = []

    def series(self, submit: Callable[[], str], times: int) -> list[float]:
        """The seconds of each of these jobs, which are cancelled afterwards."""
        taken, ids = [], []
        try:
            for _ in range(times):
                begun = time.time()
                ids.append(submit())
                taken.append(self._first_line(ids[-1]) - begun)
                time.sleep(PAUSE)
        finally:
            if ids:
                self._bench.slurm("scancel", *ids)
            while any(job in self._bench.slurm("squeue", "-ho%i").split() for job in ids):
                time.sleep(0.5)
            for client in self._clients:
                with ended(client):
                    pass
        return taken

    def by_sbatch(self) -> str:
        words = ["--parsable", f"--output={self._folder}/log", f"--wrap={self._script}"]
        done = subprocess.run(
            self._as_user("sbatch", *self._options, *words),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def by_salloc(self) -> str:
        words = self._as_user("salloc", "--no-shell", "--immediate=5", *self._options)
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found = re.search(r"Granted job allocation (\d+)", done.stderr)
        assert found, done.stderr
        step = ["--overlap", "--ntasks=1", f"--jobid={found[1]}", "sh", "-c", self._script]
        output = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        client = subprocess.Popen(self._as_user("srun", *step), start_new_session=True, **output)
        self._clients.append(client)
        return found[1]

    def _as_user(self, program: str, *words: str) -> Argv:
        site = self._bench.site
        environment = ["PATH=/usr/bin:/bin", f"SLURM_CONF={site.slurm.conf}"]
        as_user = ["runuser", "-u", USER, "--", "env", "-i", "-C", "/", *environment]
        argv = [*as_user, site.slurm.bin / program]
        return [str(word) for word in (*argv, *words)]

    def _first_line(self, job: str) -> float:
        """The moment of the first line, in seconds since the epoch."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            file = self._folder / job
            if file.exists() and (text := file.read_text()).endswith("\n"):
                return float(text)
            time.sleep(0.01)
        raise AssertionError(f"job {job} did not start")
