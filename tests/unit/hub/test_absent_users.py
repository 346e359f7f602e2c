"""Users of the hub's database who have no Unix account: the starting hub does not look them up, and
the serving hub logs them in one line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")
SCRIPTS = Path(__file__).parents[3] / "scripts"
PROGRAM = Path(__file__).parent / "programs/absent_users.py"


def test_a_starting_hub_accepts_known_users_and_a_serving_hub_refuses_absent_ones() -> None:
    argv = [kernel_site.release() / "bin/python", "-I", PROGRAM, SCRIPTS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    told = json.loads(done.stdout or f'"{done.stderr}"')
    assert told["starting"] == [True, True]
    assert told["serving"] == [True, False]
    assert told["lines"] == [
        "All 1 users in the database have an account on this host",
        "4 users in the database have no account on this host: "
        "'absent0', 'zero\\x00byte', 'absent1' and others",
    ]
