"""The row `queue`: the work of the scheduler and of the hub for waiting or running servers, for several
numbers of servers.

The row compares sitekit (ours) with the packages wrapspawner and batchspawner (upstream).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

from sitekit.base.run_program import identity
from sitekit.site import Site, load_site

from .common import CHECKOUT, Bench, ended, growth, keep, memory, sudo_rule, table
from .counting import Counter, queries, scheduler_programs, since

PEOPLE = ("alice", "bob")
# sleeping jobs for which the demo has room; the others stand in the queue and are polled alike
RUNNING_AT_MOST = 120
GOALS = {"waiting": 30, "running": 2}  # queries per minute
FEWER = 200
# seconds: the window has one whole round of the forecast, or two of the polls
WARM_UP = {"waiting": 3, "running": 8}


def measure(bench: Bench, sizes: list[int], states: list[str], seconds: float) -> None:
    """Print and keep one line per size, state and side. About `seconds` each, and the time to
    submit the jobs."""
    rows, programs_by_row = [], []
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        counter = Counter(
            folder, [*scheduler_programs(bench.site.slurm.bin), Path("/usr/bin/sudo")]
        )
        site = stack.enter_context(site_of_the_bench(bench, counter, folder))
        hub, people = site.hub.user, ",".join(PEOPLE)
        programs = ", ".join(str(path) for path in scheduler_programs(counter.bin))
        stack.enter_context(
            sudo_rule(
                f'{hub} ALL=({people}) NOPASSWD: {site.libexec / "gate"} ""',
                f"{hub} ALL=({people}) NOPASSWD:SETENV: {programs}",
            )
        )
        for size in sizes:
            for state in states:
                with _jobs(bench, site, size, state) as jobs:
                    for side in ("ours", "upstream"):
                        row, started = _window(bench, site, counter, side, state, jobs, seconds)
                        rows.append(row)
                        programs_by_row.append(started)
                        print(f"  {row} {started}", flush=True)
    notes = [
        *_verdict(rows),
        *_growths(rows),
        *NOTES,
        f"Memory of the demo's own hub: {memory(bench.hub())} MiB.",
    ]
    table(f"queue: per minute, windows of {seconds:g} s", rows, notes)
    keep("queue", seconds=seconds, rows=rows, started=programs_by_row, notes=notes)


NOTES = (
    "queries: starts of Slurm's programs, also sinfo and sbatch --test-only. programs: queries, and starts of sudo.",
    "CPU s: CPU time of the process with the spawners and of its child processes. slurmctld s: CPU time of slurmctld.",
    "The spawners are those of the release. The servers' jobs are real, but sleep or are held, and run no JupyterLab.",
    "Here, sudo of both sides needs no terminal, PAM session or log line. Upstream's sudo usually needs them.",
)


def _window(
    bench: Bench,
    site: Site,
    counter: Counter,
    side: str,
    state: str,
    jobs: list[tuple[int, str]],
    seconds: float,
) -> tuple[dict[str, Any], dict[str, int]]:
    """One side, watching for `seconds` after it has settled; and which programs it started how
    often."""
    settings = {
        "side": side,
        "state": state,
        "site": str(site.paths.state / "site.yml"),
        "bin": str(counter.bin),
        "sudo": str(counter.bin / "sudo"),
        "users": PEOPLE,
        "jobs": jobs,
        "warm_up": WARM_UP[state],
    }
    site.ledger.unlink(missing_ok=True)
    environment = {
        "PATH": f"{counter.bin}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "SLURM_CONF": str(bench.site.slurm.conf),
    }
    worker = subprocess.Popen(
        [bench.python, "-I", "-c", (CHECKOUT / "tests" / "bench" / "watchers.py").read_text()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(site.paths.state.parent / f"{side}.log").open("w"),
        text=True,
        cwd=site.paths.state,
        env=environment,
        start_new_session=True,
        **identity(site.hub.user),
    )
    with ended(worker):
        assert worker.stdin and worker.stdout
        worker.stdin.write(json.dumps(settings) + "\n")
        worker.stdin.flush()
        if worker.stdout.readline().strip() != "watching":
            raise SystemExit((site.paths.state.parent / f"{side}.log").read_text()[-3000:])
        watched, slurmctld = psutil.Process(worker.pid), _slurmctld(bench)
        before, cpu, scheduler, begun = (
            counter.counts(),
            cpu_of(watched),
            cpu_of(slurmctld),
            time.monotonic(),
        )
        time.sleep(seconds)
        minutes = (time.monotonic() - begun) / 60
        started = since(before, counter.counts())
        row = {
            "state": state,
            "servers": len(jobs),
            "side": side,
            "queries": round(queries(started) / minutes, 1),
            "programs": round(sum(started.values()) / minutes, 1),
            "CPU s": round((cpu_of(watched) - cpu) / minutes, 2),
            "slurmctld s": round((cpu_of(slurmctld) - scheduler) / minutes, 2),
            "MiB": memory(watched),
        }
        worker.stdin.write("end\n")
        worker.stdin.flush()
        lost = json.loads(worker.stdout.readline())["ended"]
        if lost:
            raise SystemExit(f"{lost} of the watchers of {side} ended before the window did")
    return row, started


def cpu_of(process: psutil.Process) -> float:
    """Seconds of the processor so far, those of children that have ended included."""
    return sum(process.cpu_times()[:4])


def _slurmctld(bench: Bench) -> psutil.Process:
    file = bench.slurm("scontrol", "show", "config").split("SlurmctldPidFile")[1].split()[1]
    return psutil.Process(int(Path(file).read_text()))


def _verdict(rows: list[dict[str, Any]]) -> list[str]:
    """The goals of this row, and whether they are met."""
    told = []
    for state, most in GOALS.items():
        mine = {
            row["servers"]: row["queries"]
            for row in rows
            if (row["state"], row["side"]) == (state, "ours")
        }
        theirs = {
            row["servers"]: row["queries"]
            for row in rows
            if (row["state"], row["side"]) == (state, "upstream")
        }
        if mine:
            met = "met" if max(mine.values()) <= most * 1.05 else "MISSED"
            told.append(
                f"{state}: at most {max(mine.values()):g} queries a minute (goal {most}, {met})"
            )
        if 300 in mine and 300 in theirs:
            ratio = theirs[300] / max(mine[300], 0.1)
            met = "met" if ratio >= FEWER else "MISSED"
            told.append(
                f"{state}, 300 servers: {int(ratio)} times fewer queries than upstream (goal {FEWER}, {met})"
            )
    return told


def _growths(rows: list[dict[str, Any]]) -> list[str]:
    """How the figures grow with the servers, for each state and side."""
    told = []
    for state, side in sorted({(row["state"], row["side"]) for row in rows}):
        own = [row for row in rows if (row["state"], row["side"]) == (state, side)]
        if len(own) > 1:
            exponents = (f"{key} {growth(own, key):.2f}" for key in ("queries", "CPU s", "MiB"))
            told.append(
                f"{side}, {state}: exponents of the growth with the number of servers: {', '.join(exponents)}."
            )
    return told


@contextmanager
def scratch_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sitekit-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def site_of_the_bench(
    bench: Bench, counter: Counter, folder: Path, own: dict[str, Any] | None = None
) -> Iterator[Site]:
    """A site like the demo's, with jobs of another name and the keys `own`, whose hub side and whose
    gate run the counting programs."""
    state = folder / "state"
    state.mkdir()
    written = YAML(typ="safe").load(CHECKOUT / "config" / "sites" / "demo.yml")
    written["name"] = "bench"
    written["paths"]["state"] = str(state)
    written["slurm"]["bin"] = str(counter.bin)
    written |= own or {}
    (state / "site.yml").write_text(json.dumps(written))  # JSON is YAML
    site = load_site(state / "site.yml")
    shutil.chown(state, site.hub.user)
    try:
        shutil.copytree(bench.site.libexec, site.libexec)
        config = json.loads((site.libexec / "gate.json").read_text())
        config |= {"site": site.name, "job_name": site.job_name, "slurm_bin": str(counter.bin)}
        (site.libexec / "gate.json").write_text(json.dumps(config))
        yield site
    finally:
        shutil.rmtree(site.libexec, ignore_errors=True)


@contextmanager
def _jobs(bench: Bench, site: Site, size: int, state: str) -> Iterator[list[tuple[int, str]]]:
    """`size` jobs (id, user): held ones, or ones that sleep as far as there is room. All are
    cancelled afterwards."""
    words = [
        "--parsable",
        f"--job-name={site.job_name}",
        "--mem=10M",
        "--time=30",
        "--output=/dev/null",
        "--chdir=/",
    ]
    words += ["--partition=jupyter-short,jupyter-overflow", "--wrap=exec sleep 1800"]
    jobs = []
    try:
        for number in range(size):
            held = ["--hold"] if state == "waiting" or number >= RUNNING_AT_MOST else []
            user = PEOPLE[number % len(PEOPLE)]
            uid = identity(user)
            told = bench.slurm(
                "sbatch", f"--uid={uid['user']}", f"--gid={uid['group']}", *held, *words
            )
            jobs.append((int(told.splitlines()[-1].split(";")[0]), user))
        wanted = 0 if state == "waiting" else min(size, RUNNING_AT_MOST)
        deadline = time.monotonic() + 120
        while _running(bench, site) < wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"Slurm did not start {wanted} sleeping jobs within two minutes")
            time.sleep(1)
        yield jobs
    finally:
        bench.slurm("scancel", f"--name={site.job_name}")
        while bench.slurm("squeue", "--noheader", f"--name={site.job_name}"):
            time.sleep(1)


def _running(bench: Bench, site: Site) -> int:
    words = ("--noheader", "--states=running", f"--name={site.job_name}", "--format=%i")
    return len(bench.slurm("squeue", *words).splitlines())
