"""Which servers the reconciler leaves to JupyterHub, and which have ended, in the hub's Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

PROGRAM = Path(__file__).parent / "programs" / "loaded_servers.py"
SCRIPTS = Path(__file__).parents[3] / "scripts"


def test_a_server_that_says_that_it_ends_and_does_not_is_ended() -> None:
    argv = [kernel_site.release() / "bin/python", PROGRAM, SCRIPTS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["runs", "ends"]


def test_only_the_ledgers_rows_of_servers_whose_jobs_have_ended_are_read() -> None:
    argv = [kernel_site.release() / "bin/python", PROGRAM.with_name("ended_servers.py"), SCRIPTS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"ended": ["2", "3", "5"], "read": ["2", "3", "5"]}
