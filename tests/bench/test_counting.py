"""The bench counts what is executed: every start of a wrapped program, with its words and its
answer untouched."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .common import CHECKOUT
from .counting import SCHEDULER, Counter, queries, since


def test_every_start_is_counted_and_nothing_else_changes(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("squeue", "sbatch", "sudo"):
        (programs / name).write_text('#!/bin/sh\nprintf "%s|" "$0" "$@"\ncat\nexit 3\n')
        (programs / name).chmod(0o755)
    counter = Counter(tmp_path / "counted", programs.iterdir())
    before = counter.counts()
    assert before == {"squeue": 0, "sbatch": 0, "sudo": 0}

    def start(name: str) -> tuple[int, str]:
        words = [counter.bin / name, "-h", "two words", "$(x)"]
        done = subprocess.run(words, input="given", capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(start, ["squeue"] * 40 + ["sudo"] * 3))
    assert answers == {
        (3, f"{programs / name}|-h|two words|$(x)|given") for name in ("squeue", "sudo")
    }
    started = since(before, counter.counts())
    assert started == {"squeue": 40, "sudo": 3}
    assert queries(started) == 40  # sudo asks the scheduler nothing


def test_no_program_of_slurm_that_the_kit_starts_is_left_out() -> None:
    """One that the counting folder lacks is not only not counted: the gate then asks nothing at
    all."""
    code = [*(CHECKOUT / "scripts/sitekit").rglob("*.py"), CHECKOUT / "scripts/gate"]
    called = {
        name
        for path in code
        for name in re.findall(r'(?:say|call)\(\s*(?:\w+\.)*\w+, "(\w+)"', path.read_text())
    }
    assert {"squeue", "sbatch", "sinfo"} <= called <= set(SCHEDULER)
