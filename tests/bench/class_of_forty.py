"""The row `class`: 40 participants of a course start at once on the demo, with real jobs.

The measurement is the test of tests/participants, which also checks what the instructor's page
says. It makes accounts, a course and larger nodes for its time, and takes them away again.
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
        "divided by the cores; others: that of other containers on the same processors, with which "
        "the ratio is too large.",
        f"All ready, at most {GOAL} of the floor: {'met' if ratio <= GOAL else 'MISSED'}.",
    ]
    table("class: participants who start at once", [row], notes)
    keep("class", rows=[row], notes=notes)
