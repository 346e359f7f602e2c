"""Work in a program of its own: its answer counts, its crash before the answer is told, its crash
after it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import release_parts as parts

from sitekit.base.errors import Problem
from sitekit.base.module_in_child_process import ask_child_process

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program `worker` is found."""
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))


def test_answer_events_and_umask() -> None:
    events: list[object] = []
    assert ask_child_process("worker", {"a": 1}, events.append, timeout=300) == [{"a": 1}, "0o22"]  # type: ignore[comparison-overlap]
    assert events == [{"advance": 1}]


def test_a_crash_after_the_answer_is_no_failure() -> None:
    assert ask_child_process("worker", "late crash", timeout=300) == "done"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ("problem", "the disk is full"),
        ("crash", "SIGSEGV before it was done"),
        ("error", "not foreseen"),
    ],
)
def test_a_failure_is_told(request_: str, told: str) -> None:
    with pytest.raises(Problem, match=told):
        ask_child_process("worker", request_, timeout=300)  # type: ignore[arg-type]


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(Problem, match="SIGKILL"):
        ask_child_process("worker", "sleep", timeout=0.5)  # type: ignore[arg-type]


def test_a_program_that_cannot_start_is_told() -> None:
    with pytest.raises(Problem, match="No module named no_such_program"):
        ask_child_process("no_such_program", {"x": "y" * 200_000}, timeout=300)


ORPHAN = {
    "ask": "from sitekit.base.module_in_child_process import ask_child_process\n"
    "ask_child_process('worker', 'sleep', lambda _: print('up', flush=True), timeout=600)",
    "mortal": "import subprocess; from sitekit.base.module_in_child_process import end_with_this_process\n"
    "subprocess.run(end_with_this_process(['/bin/sh', '-c', 'echo up; exec sleep 600']))",
}


@pytest.mark.parametrize("way", ORPHAN)
def test_what_was_started_ends_with_a_program_that_is_killed(way: str) -> None:
    """Its work would go on in a prefix that the next run holds."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{parts.TOP / 'scripts'}:{os.environ['PYTHONPATH']}",
    }
    started = subprocess.Popen(
        [sys.executable, "-c", ORPHAN[way]], env=environment, stdout=subprocess.PIPE, text=True
    )
    with started:
        assert started.stdout.readline() == "up\n"
        [child] = psutil.Process(started.pid).children()
        started.kill()
    gone, alive = psutil.wait_procs([child], timeout=300)
    for one in alive:
        one.kill()
    assert gone and not alive
