"""The row `scale`: what the hub needs for many idle servers: CPU time, memory, the delay (lag) of its
event loop, and queries of Slurm.

The spawners, the ledger and the loops (tasks that the hub repeats) are those of the release. No
machine of the tests can run a thousand jobs. Therefore a program in place of squeue prints a
simulated answer of Slurm.
"""

from __future__ import annotations

import json
import pwd
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from sitekit.base.run_program import identity
from sitekit.site import Site

from .common import CHECKOUT, Bench, ended, growth, keep, memory, table
from .counting import Counter, queries, scheduler_programs, since
from .queue import PEOPLE, WARM_UP, cpu_of, scratch_folder, site_of_the_bench

GOALS = {"CPU": 0.03, "MiB": 250}
"""Of 1,000 idle servers: part of a core, and memory of the hub's spawners."""


def measure(bench: Bench, sizes: list[int], seconds: float) -> None:
    """Print and keep one line per number of servers."""
    rows = []
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        real = [path for path in scheduler_programs(bench.site.slurm.bin) if path.name != "squeue"]
        (folder / "standing-in").mkdir()
        squeue = stand_in(folder)
        counter = Counter(folder, [*real, squeue])
        site = stack.enter_context(site_of_the_bench(bench, counter, folder))
        for size in sizes:
            rows.append(_window(bench, site, counter, folder, size, seconds))
            print(f"  {rows[-1]}", flush=True)
    notes = [
        "CPU: the part of one core that is busy. lag: the delay with which the event loop runs a task.",
        "The jobs are simulated. Spawners, ledger and loops are those of the release. The hub's web "
        "application, the hub's database on disk and the proxy are not part of this row.",
    ]
    if len(rows) > 1:
        notes.append(
            f"Exponents of the growth with the number of servers: CPU {growth(rows, 'CPU'):.2f}, "
            f"memory {growth(rows, 'MiB'):.2f}."
        )
    if largest := next((row for row in rows if row["servers"] == 1000), None):
        met = {key: "met" if largest[key] <= most else "MISSED" for key, most in GOALS.items()}
        notes.append(
            f"Goals with 1,000 servers: CPU at most 0.03 ({met['CPU']}), at most 250 MiB ({met['MiB']})."
        )
    table(f"scale: idle servers, windows of {seconds:g} s", rows, notes)
    keep("scale", seconds=seconds, rows=rows, notes=notes)


def stand_in(folder: Path) -> Path:
    """A program `squeue` that prints the jobs of the file jobs.json."""
    program = folder / "standing-in/squeue"
    code = CHECKOUT / "tests/bench/listed_jobs.py"
    (folder / "listed_jobs.py").write_bytes(code.read_bytes())
    program.write_text(
        f'#!/bin/sh\nexec /usr/bin/python3 -I -S {folder}/listed_jobs.py {folder}/jobs.json "$@"\n'
    )
    program.chmod(0o755)
    return program


def _window(
    bench: Bench, site: Site, counter: Counter, folder: Path, size: int, seconds: float
) -> dict[str, Any]:
    """The cost of `size` idle servers, for `seconds` after the hub's loops have begun."""
    jobs = [(number + 1, PEOPLE[number % len(PEOPLE)]) for number in range(size)]
    listed = [(job, pwd.getpwnam(user).pw_uid, user) for job, user in jobs]
    (folder / "jobs.json").write_text(json.dumps(listed))
    site.ledger.unlink(missing_ok=True)
    settings = {
        "side": "ours",
        "state": "running",
        "site": str(site.paths.state / "site.yml"),
        "bin": str(counter.bin),
        "sudo": "/usr/bin/sudo",
        "users": PEOPLE,
        "jobs": jobs,
        "warm_up": WARM_UP["running"],
    }
    log = folder / "scale.log"
    worker = subprocess.Popen(
        [bench.python, "-I", "-c", (CHECKOUT / "tests/bench/watchers.py").read_text()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log.open("w"),
        text=True,
        cwd=site.paths.state,
        env={
            "PATH": f"{counter.bin}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "SLURM_CONF": str(bench.site.slurm.conf),
        },
        start_new_session=True,
        **identity(site.hub.user),
    )
    with ended(worker):
        assert worker.stdin and worker.stdout
        print(json.dumps(settings), file=worker.stdin, flush=True)
        if worker.stdout.readline().strip() != "watching":
            sys.exit(log.read_text()[-3000:])
        process = psutil.Process(worker.pid)
        before, used, begun = counter.counts(), cpu_of(process), time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - begun
        row = {
            "servers": size,
            "CPU": round((cpu_of(process) - used) / elapsed, 4),
            "MiB": memory(process),
            "queries / min": round(60 * queries(since(before, counter.counts())) / elapsed, 1),
        }
        print("end", file=worker.stdin, flush=True)
        told = json.loads(worker.stdout.readline())
        if told["ended"]:
            sys.exit(f"{told['ended']} of the servers ended before the window did")
        return row | {"lag ms, p99": told["p99"], "most": told["most"]}
