"""ipyparallel in a kernel of a server: the engines are a Slurm job, and answer from the nodes."""

from __future__ import annotations

import json
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.session.kernels.ipyparallel_profile import FOLDER

from ..applied import applied
from ..conftest import Demo, logged_in
from ..packages import install_pinned
from ..slurm import ask, jobs, until

PINNED = Path(__file__).with_name("ipyparallel.txt")
ENGINES = {"partition": "jupyter-short", "memory": "300M", "time": "0:10:00"}
START = Path(__file__).parent / "programs" / "start_engines.py"
STOP = "client.close(); cluster.stop_cluster_sync(); print('stopped')"


@pytest.fixture
def packages() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    try:
        install_pinned(PINNED, folder)
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.soak
def test_a_map_over_two_engines_returns_from_the_nodes(demo: Demo, packages: Path) -> None:
    home = Path(pwd.getpwnam("alice").pw_dir)
    try:
        with applied(server={"ipyparallel": ENGINES}) as site, logged_in(demo, "alice") as alice:
            assert alice.start("small")[-1].get("ready")
            [server] = [line.split()[0] for line in jobs(site, "alice")]
            kernel = alice.kernel("python-3.11")  # ipyparallel 9 needs Python 3.10
            printed = kernel.run(
                f"import sys; sys.argv[1:] = [{str(packages)!r}]\n{START.read_text()}"
            )
            assert "[[" in printed, printed
            told = json.loads(printed.splitlines()[-1])  # after a bar of progress
            assert [square for square, *_ in told] == [0, 1, 4, 9]
            assert {process for _, _, process, _ in told} == {"0", "1"}
            [job] = {job for _, job, _, _ in told}
            assert job != server and all(node.startswith("demo") for *_, node in told)
            shape = ask(site, "squeue", "--noheader", f"--jobs={job}", "--format=%P %C")
            assert shape == "jupyter-short 2"
            assert kernel.run("print(os.environ.get('SLURM_JOB_ID'))") == "None"
            [keys] = (home / FOLDER / "security").glob("*-engine.json")
            assert "curve_serverkey" in json.loads(keys.read_text()), "anybody could listen"
            assert not keys.stat().st_mode & 0o077
            assert kernel.run(STOP).splitlines()[-1] == "stopped"
            kernel.close()
            until(lambda: len(jobs(site, "alice")) == 1)
            alice.stop_and_wait()
    finally:
        ask(demo.site, "scancel", "--user=alice")
        shutil.rmtree(home / FOLDER, ignore_errors=True)
