"""Run promtool on the alert rules, with series on which each rule must fire."""

from __future__ import annotations

import subprocess
from pathlib import Path

TOP = Path(__file__).parents[1]
RULES = TOP / "config/monitoring/alerts.yml"
CASES = TOP / "tests/unit/alerts_test.yml"


def check_rules() -> None:
    """Check the rules, and that each fires on its fault and not before."""
    for words in (("check", "rules", RULES), ("test", "rules", CASES)):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
