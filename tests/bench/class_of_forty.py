"""The row `class`: 40 participants of a course start their servers at the same time. The row runs real
jobs on the demo, and measures the time until all servers are ready.

For the measurement, `make bench` runs a test of tests/participants. The test also checks what the
instructor's page shows. The test creates accounts, a course and larger nodes, and removes them
afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .common import CHECKOUT, Bench, keep, table

FIGURES = "SITEKIT_BENCH_CLASS"
"""The environment variable with the file into which the test writes its figures."""
INSIDE = "SITEKIT_TEST_INSIDE"
GOAL = 1.15
TEST = "tests/participants/test_class.py"


def measure(bench: Bench) -> None:
    """Print and keep the figures of one class."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        argv = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-n", "0"]
        done = subprocess.run(
            [*argv, "--soak", "--keep-demo", "--tb=short", TEST],
            cwd=CHECKOUT,
            env={**os.environ, FIGURES: str(file), INSIDE: "1"},
            capture_output=True,
            text=True,
            timeout=1800,
        )
        if done.returncode or not file.exists():
            sys.exit(done.stdout[-4000:] + done.stderr[-1000:])
        row: dict[str, Any] = json.loads(file.read_text())
    ratio = row["of the floor"]
    notes = [
        "floor: the CPU time of all processes of the machine from the first start to the first stop, "
        "divided by the number of cores.",
        "others: the CPU time of other containers on the same processors, divided by the number of "
        "cores. This load makes the ratio in the column `of the floor` larger.",
        "of the floor: the time from the first start to the first stop, divided by floor.",
        f"The column `of the floor` must be at most {GOAL}: this goal is {'met' if ratio <= GOAL else 'MISSED'}.",
    ]
    table("class: participants who start at once", [row], notes)
    keep("class", rows=[row], notes=notes)
