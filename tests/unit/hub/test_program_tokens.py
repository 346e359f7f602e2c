"""Tokens that programs make beside the running hub, with JupyterHub's own tables and session."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from kernel_site import release

PROGRAM = Path(__file__).parent / "programs/tokens_of_programs.py"
CODE = Path(__file__).parents[3] / "scripts"


@pytest.mark.usefixtures("hub_environment")
def test_the_hub_accepts_the_next_token_after_a_drill_has_ended_its_own(tmp_path: Path) -> None:
    """If the last line fails after an update of JupyterHub, programs may delete tokens."""
    argv = [release() / "bin/python", "-I", PROGRAM, CODE, tmp_path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "first": True,
        "in memory": 1,
        "ended": False,
        "after an end": True,
        "after the hub's deletion": True,
        "in memory then": 2,
        "after a foreign deletion": False,
    }
