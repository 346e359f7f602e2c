"""What sitekit replaces in upstream packages is there, with the signatures that it relies on.

An upgrade of JupyterHub, Jupyter Server or an extension that changes one of them fails here. Look
at what replaces it; if it still fits: pytest --update-golden.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import kernel_site
import pytest

TOP = Path(__file__).parents[3]
GOLDEN = TOP / "tests" / "golden" / "upstream_names.txt"
pytestmark = pytest.mark.usefixtures("hub_environment")


def test_names_and_signatures_are_as_they_were(request: pytest.FixtureRequest) -> None:
    program = Path(__file__).with_name("upstream_names.py")
    argv = [kernel_site.release() / "bin" / "python", "-I", program, TOP / "scripts"]
    done = subprocess.run(argv, cwd="/", capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(done.stdout)
    assert "is missing" not in done.stdout
    assert done.stdout == GOLDEN.read_text()
