"""jupyter_kernel_test on every published kernel, started in a job as a user's session starts it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.run_program import identity
from sitekit.contracts.gate_config import session_settings

from ..conftest import Demo
from .differences import complaints, listed

PROGRAM = Path(__file__).with_name("kernels_of_the_site.py")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Readable by all, as the program is wherever the checkout lies."""
    with tempfile.TemporaryDirectory(prefix="sitekit-kernels-") as name:
        Path(name).chmod(0o755)
        (Path(name) / PROGRAM.name).write_text(PROGRAM.read_text())
        yield Path(name)


@pytest.mark.soak
def test_kernels_speak_the_protocol(demo: Demo, packages: Path, folder: Path) -> None:
    kernels = published(demo)
    assert {"python", "R"} <= {language for language, _ in kernels.values()}
    said = []
    for name, (language, modules) in kernels.items():
        outcomes = in_a_job(demo, packages, folder / PROGRAM.name, name, language, modules)
        said += [f"{name}: {what}" for what in complaints(outcomes, listed("kernels", language))]
    assert not said, "\n".join(said)


def published(demo: Demo) -> dict[str, tuple[str, list[str]]]:
    """Each kernel's language, and the modules to load first for one that runs what is loaded."""
    found = {}
    for file in sorted(demo.site.kernels_current.glob("kernels/*/kernel.json")):
        launch = json.loads(file.with_name("launch.json").read_text())
        found[file.parent.name] = (
            json.loads(file.read_text())["language"],
            launch.get("inherit", {}).get("known", [])[:1],
        )
    return found


def in_a_job(
    demo: Demo, packages: Path, program: Path, name: str, language: str, modules: list[str]
) -> dict[str, str]:
    """What became of each test of one kernel, in a job of alice's."""
    site, home = demo.site, "/home/alice"
    srun = [
        site.slurm.bin / "srun",
        "--quiet",
        f"--partition={site.kernels.check.partition}",
        "--mem=500M",
    ]
    settings = json.dumps(session_settings(site))
    done = subprocess.run(
        [*srun, site.current / "bin" / "python", program, name, language, settings, *modules],
        env={
            "HOME": home, "USER": "alice", "LOGNAME": "alice", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
            "SLURM_CONF": str(site.slurm.conf), "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=home, capture_output=True, text=True, timeout=900, **identity("alice"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
