"""The bench gives upstream's spawners a rule of sudo's: nobody else has it meanwhile, and it ends
with the bench."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..conftest import CHECKOUT, Demo

BENCH = Path(__file__).parent / "programs" / "hold_a_rule.py"


def test_a_bench_that_is_killed_leaves_no_rule(demo: Demo) -> None:
    folder = Path("/etc/sudoers.d")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    where = {
        "cwd": CHECKOUT,
        "env": {**os.environ, "PYTHONPATH": f"scripts:{CHECKOUT}"},
        "stdout": subprocess.PIPE,
        "text": True,
    }
    rules = ["sudo", "--list", "--other-user=nobody"]
    with subprocess.Popen([sys.executable, BENCH], **where) as bench:
        try:
            assert bench.stdout and bench.stdout.readline() == "ready\n"
            within = ["nsenter", f"--target={bench.pid}", "--mount", "--", *rules]
            assert "NOPASSWD: /usr/bin/true" in told(within)
            assert "/usr/bin/true" not in told(rules)
        finally:
            bench.kill()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert str(folder) not in Path("/proc/self/mounts").read_text()


def told(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=300).stdout
