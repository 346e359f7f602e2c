"""What the metrics count, in the hub's Python: starts by phase, failures, culls and orphans."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

PROGRAMS = Path(__file__).parent / "programs"
SCRIPTS = Path(__file__).parents[3] / "scripts"


def run_in_hub(program: str, *words: object) -> Any:
    """Run a program with the hub's Python; return the JSON that it prints."""
    argv = [kernel_site.release() / "bin/python", "-B", PROGRAMS / program, SCRIPTS, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_certificate_that_cannot_be_read_keeps_out_no_other_one() -> None:
    first, second = run_in_hub("read_expiries.py")
    assert first == [False, {"internal": 3e9}]
    assert second == [True, {"front": 2e9, "internal": 3e9}]


def test_starts_failures_and_culls_are_counted_once(tmp_path: Path) -> None:
    found, labels = run_in_hub("count_starts_and_ends.py", tmp_path / "ledger.sqlite")
    phases = ("submit", "queue", "boot", "ready")
    assert found == {
        **{f"sitekit_start_phase_seconds_count {phase}": 1 for phase in phases},
        "sitekit_queue_wait_seconds_count small": 1,
        "sitekit_server_failures_total memory": 1,
        "sitekit_server_failures_total time": 1,
        "sitekit_server_failures_total patience": 1,
        "sitekit_servers_culled_total small": 1,
        "sitekit_servers small running": 1,
        "sitekit_memory_used_bytes small": 50 * 2**20,
        "sitekit_memory_cap_bytes small": 200 * 2**20,
        "sitekit_stray_jobs slurm": 1,
        "sitekit_backend_answers slurm": 1,
        "sitekit_backend_answer_seconds slurm": 0.25,
        "sitekit_backend_queries_total slurm": 3,
    }
    assert not {"alice", "bob"} & set(labels)
