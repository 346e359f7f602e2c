"""A server of a tier with several nodes and tasks: Slurm gives it what the user chose, and programs
run on all of the nodes."""

from __future__ import annotations

from ..applied import applied
from ..conftest import Demo, logged_in
from ..slurm import ask, jobs
from .test_chain import python_of

TIER = {
    "key": "wide",
    "title": "Several nodes",
    "partitions": ["jupyter-overflow", "jupyter-short"],
    "memory": "300M",
    "time": "1:00:00",
    "idle": "1h",
    "choose": {"nodes": [1, 2], "tasks": [1, 2], "partitions": True},
}
SPREAD = """
import os, subprocess
job = os.environ["SITEKIT_JOB_ID"]
words = ["srun", "--jobid=" + job, "--overlap", "--ntasks=4", "printenv", "SLURMD_NODENAME"]
done = subprocess.run(words, capture_output=True, text=True, timeout=300)
print(*sorted(done.stdout.split()), done.stderr)
"""


def test_programs_run_on_every_node_of_a_server(demo: Demo) -> None:
    with applied(tiers=[TIER]) as site, logged_in(demo, "alice") as alice:
        choice = {"tier": "wide", "wide.nodes": "2", "wide.tasks": "2"}
        refused = alice.submit({**choice, "wide.nodes": "3"})
        assert refused.status_code == 400 and "not within 1 to 2" in refused.text
        assert alice.submit({**choice, "wide.partitions": "jupyter-short"}).status_code == 302
        assert list(alice.progress())[-1].get("ready")
        [job] = [line.split()[0] for line in jobs(site, "alice")]
        shape = ask(site, "squeue", "--noheader", f"--jobs={job}", "--format=%D %C %P")
        assert shape == "2 4 jupyter-short"
        kernel = alice.kernel(python_of(alice))
        assert kernel.run(SPREAD).split() == ["demo1", "demo1", "demo2", "demo2"]
        kernel.close()
        alice.stop_and_wait()
