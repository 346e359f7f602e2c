"""batchspawner's own tests, with the site's SlurmServer as its SlurmSpawner, against the release's
JupyterHub.

They are in no package of batchspawner's: the variable BATCHSPAWNER names a checkout of its
repository, of the version that the release has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..conftest import Demo
from .differences import complaints, listed, outcomes_of

PLUGIN = Path(__file__).with_name("batchspawner_of_the_site.py")
CHECKOUT = os.environ.get("BATCHSPAWNER")


@pytest.mark.soak
@pytest.mark.skipif(
    CHECKOUT is None,
    reason="BATCHSPAWNER names no checkout of batchspawner, whose packages have no tests",
)
def test_batchspawners_own(demo: Demo, packages: Path, tmp_path: Path) -> None:
    python, theirs = demo.site.current / "bin" / "python", Path(CHECKOUT) / "batchspawner"
    where = [python, "-I", "-c", "import batchspawner; print(*batchspawner.__path__)"]
    installed = Path(
        subprocess.run(
            where, check=True, capture_output=True, text=True, timeout=300
        ).stdout.strip()
    )
    same = (theirs / "batchspawner.py").read_bytes() == (installed / "batchspawner.py").read_bytes()
    assert same, f"{CHECKOUT} has another version than the release"
    # its tests import it as the package around them
    shutil.copytree(installed, tmp_path / "batchspawner")
    shutil.copytree(theirs / "tests", tmp_path / "batchspawner" / "tests")
    (tmp_path / "batchspawner" / "tests" / "__init__.py").touch()
    shutil.copy(PLUGIN, tmp_path)
    options = [
        "-p",
        "no:cacheprovider",
        "-p",
        PLUGIN.stem,
        "-c",
        "/dev/null",
        "-o",
        "asyncio_mode=auto",
        "--tb=short",
    ]
    done = subprocess.run(
        [python, "-m", "pytest", *options, f"--junitxml={tmp_path}/report.xml",
         f"--confcutdir={tmp_path}", "--pyargs", "batchspawner.tests"],
        env={
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{tmp_path}:{packages}", "SITEKIT_STATE": str(tmp_path),
            "SITEKIT_SITE": str(demo.site.etc / "site.yml"),
        },
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    said = complaints(outcomes_of(tmp_path / "report.xml"), listed("batchspawner"))
    assert not said, "\n".join([*said, done.stdout[-20000:]])
