"""The check of all published kernels, in a job on a compute node, and who is told of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.run_program import run
from sitekit.contracts.kernel_state import read_kernel_state
from sitekit.kernels.generations.generation import showing

from ..conftest import Demo
from ..slurm import ask, until

CHECK = ["-I", "-m", "sitekit", "kernels_check"]


def check(demo: Demo) -> subprocess.CompletedProcess[str]:
    """As the timer's unit has it: by the release's own Python, with nothing of the checkout around
    it."""
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SITE": str(demo.site.etc / "site.yml")}
    argv = [demo.site.current / "bin" / "python", *CHECK]
    return run(argv, env=env, cwd=Path("/"), timeout=600, check=False)


def metrics(demo: Demo) -> dict[str, float]:
    with demo.person("carol") as admin:  # scope read:metrics
        admin.login()
        page = admin.http.get("/hub/metrics").text
    return {
        name: float(value)
        for name, value in re.findall(r"^(sitekit_kernels_\w+) (\S+)$", page, re.MULTILINE)
    }


def checked(demo: Demo) -> float | None:
    """When the kernels were checked last, as the hub knows it."""
    return metrics(demo).get("sitekit_kernels_checked_timestamp_seconds")


@pytest.fixture
def broken(demo: Demo) -> Iterator[str]:
    """A kernel whose module went after it was published."""
    module = next((demo.site.kernels.modulepath[0] / "r").glob("*.lua"))
    aside = module.rename(module.with_name(".aside"))
    try:
        yield f"r-{module.stem}"
    finally:
        aside.rename(module)
        assert check(demo).returncode == 0


def test_on_a_compute_node_as_an_ordinary_account(demo: Demo) -> None:
    done = check(demo)
    assert done.returncode == 0, done.stdout + done.stderr
    state = read_kernel_state(demo.site)
    assert state.where == "a node of batch" and state.proven >= 2 and not state.failing
    words = (
        "--allusers",
        "--allocations",
        "--noheader",
        "--parsable2",
        "--starttime=now-10minutes",
    )
    words += ("--name=sitekit-kernels", "--format=user,partition,nodelist")

    def started() -> list[list[str]]:
        """The check's jobs that have a node: a job that waits is recorded without one."""
        rows = (line.split("|") for line in ask(demo.site, "sacct", *words).splitlines())
        return [row for row in rows if row[2].startswith("demo")]

    # slurmctld tells slurmdbd when it finds the time
    user, partition, _ = until(started)[0]
    assert (user, partition) == ("nobody", "batch")
    assert not list(demo.site.kernels_current.parent.glob(".trial-*"))
    # the hub reads the state of the kernels every 15 s
    until(lambda: checked(demo) == state.checked)
    told = metrics(demo)
    assert told["sitekit_kernels_proven"] == state.proven and told["sitekit_kernels_failing"] == 0


def test_what_fails_there_is_hidden_and_told(demo: Demo, broken: str) -> None:
    done = check(demo)
    assert done.returncode == 1 and "FAILED" in done.stdout
    assert showing(demo.site.kernels_current, broken) == "hide"
    failing = read_kernel_state(demo.site).failing
    assert set(failing) == {broken, "loaded-r"}  # that kernel is tried with the same module
    until(lambda: metrics(demo).get("sitekit_kernels_failing") == len(failing))
    status = subprocess.run(["make", "demo_status"], capture_output=True, text=True, timeout=300)
    assert f"{broken}: in a clean environment" in status.stdout and "2 FAILING" in status.stdout
