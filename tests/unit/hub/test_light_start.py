"""The hub's start, in the hub's Python: libraries that it leaves out, and the garbage collector."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

PROGRAM = Path(__file__).parent / "programs" / "light_start.py"
SCRIPTS = Path(__file__).parents[3] / "scripts"


def test_a_hub_starts_without_unused_libraries() -> None:
    argv = [kernel_site.release() / "bin/python", "-B", PROGRAM, SCRIPTS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    version, told = done.stdout.splitlines()
    assert version[0].isdigit()
    assert json.loads(told) == {
        "exit code": 0,
        "libraries": [],
        "schemas": True,
        "unchecked formats": [],
        "ignored after imports": True,
        "ignored after users": True,
    }
