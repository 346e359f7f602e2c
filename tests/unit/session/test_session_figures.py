"""The figures of a server: the cgroup's memory, the room in the home, and GPUs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from sitekit.session.figures import cache_slow_figure, cgroup, gpu_use, home_space
from sitekit.session.figures.cache_slow_figure import Kept
from sitekit.session.figures.cgroup import Memory
from sitekit.session.figures.home_space import Room

GIB = 1024**3


def make_cgroup(
    folder: Path, monkeypatch: pytest.MonkeyPatch, own: str, files: dict[str, str]
) -> None:
    (folder / "own").write_text(own)
    for name, text in files.items():
        (folder / "cg" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "cg" / name).write_text(text)
    monkeypatch.setattr(cgroup, "OF_THIS_PROCESS", folder / "own")
    monkeypatch.setattr(cgroup, "CGROUPS", folder / "cg")


def test_memory_is_that_of_the_job_whose_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm 24 with cgroup v2: the job and the step have the limit, the task has none."""
    job = "slurm/job_7"
    files = {
        f"{job}/memory.max": "1000\n",
        f"{job}/memory.current": "700\n",
        f"{job}/memory.peak": "900\n",
        f"{job}/memory.stat": "anon 400\ninactive_file 250\n",
        f"{job}/step_batch/memory.max": "1000\n",
        f"{job}/step_batch/task_0/memory.max": "max\n",
        f"{job}/step_batch/task_0/memory.events": "oom_kill 3\n",
        f"{job}/step_batch/task_0/memory.current": "5\n",
    }
    make_cgroup(tmp_path, monkeypatch, f"0::/{job}/step_batch/task_0\n", files)
    assert cgroup.memory() == Memory(450, 1000, 900)
    assert cgroup.killed() == 3


def test_memory_of_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "memory/slurm/job_7/step_batch"
    files = {
        f"{step}/memory.limit_in_bytes": "1000\n",
        f"{step}/memory.usage_in_bytes": "700\n",
        f"{step}/memory.max_usage_in_bytes": "900\n",
        f"{step}/memory.stat": "inactive_file 1\ntotal_inactive_file 250\n",
        f"{step}/task_0/memory.limit_in_bytes": "9223372036854771712\n",
        f"{step}/task_0/memory.oom_control": "oom_kill 0\n",
    }
    own = "4:memory:/slurm/job_7/step_batch/task_0\n0::/\n"
    make_cgroup(tmp_path, monkeypatch, own, files)
    assert cgroup.memory() == Memory(450, 1000, 900)


def test_a_node_without_cgroups_has_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cgroup(tmp_path, monkeypatch, "1:name=systemd:/\n", {})
    assert cgroup.memory() == Memory()
    assert cgroup.killed() is None


QUOTA = """Disk quotas for user alice (uid 1001):
     Filesystem   space   quota   limit   grace   files   quota   limit   grace
server:/home {figures}
"""


@pytest.mark.parametrize(
    ("figures", "room"),
    [
        ("1024 0 4096 0 10 0 0 0", Room(4 * 1024**2, 3 * 1024**2)),
        ("4097* 2048 4096 0 10 0 20 0", Room(4 * 1024**2, 0, 10)),
        ("1024 2048 0 0 25* 0 20 0", Room(2 * 1024**2, 1024**2, 0)),
        ("1024 0 0 0 10 0 0 0", None),
        ("1024 0 4096", None),
        ("is not mounted here now or ever again", None),
    ],
)
def test_what_quota_prints(figures: str, room: Room | None) -> None:
    assert home_space.read_quota(QUOTA.format(figures=figures)) == room


def test_no_quota_prints_nothing() -> None:
    assert home_space.read_quota("") is None
    assert home_space.read_quota("Disk quotas for user alice (uid 1001): none\n") is None


@pytest.mark.parametrize(
    ("room", "state"),
    [
        (Room(1000 * GIB, 3 * GIB), ""),
        (Room(1000 * GIB, 1 * GIB), "nearly full"),
        (Room(10 * GIB, 1 * GIB), ""),
        (Room(10 * GIB, GIB // 4), "nearly full"),
        (Room(10 * GIB, 5 * GIB, 50), "nearly full"),
        (Room(10 * GIB, 0), "full"),
        (Room(10 * GIB, 5 * GIB, 0), "full"),
    ],
)
def test_when_a_home_is_nearly_full(room: Room, state: str) -> None:
    assert room.state == state


def test_the_quota_counts_if_it_leaves_less_than_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home_space.room_of(tmp_path) is not None
    assert home_space.room_of(tmp_path / "none") is None
    monkeypatch.setattr(home_space, "of_quota", lambda _: Room(1024, 0))
    assert home_space.room_of(tmp_path) == Room(1024, 0)


def test_the_gpus_of_the_job_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of nvidia-smi, which this machine does not have."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\ntest "$1" = --id=1 && echo "35, 1024, 40960, NVIDIA A100, 40GB"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_use.gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    name = "NVIDIA A100, 40GB"
    assert gpu_use.gpus() == [{"busy": 35, "used": GIB, "memory": 40 * GIB, "name": name}]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert gpu_use.gpus() == []


def test_odd_lines_of_nvidia_smi() -> None:
    assert gpu_use.read("No devices were found\n") == []
    assert gpu_use.read("[N/A], 1, 2, MIG\n")[0]["busy"] is None


def test_a_figure_that_hangs_is_read_by_one_thread_and_pages_get_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, go_on = [], threading.Event()

    def wait(seconds: float) -> None:
        """How long a page waits from now on."""
        monkeypatch.setattr(cache_slow_figure, "WAIT", seconds)

    def read() -> int:
        reads.append(1)
        if len(reads) > 1:
            go_on.wait(600)
        return len(reads)

    async def ask() -> list[int]:
        kept = Kept(read, seconds=-1)
        wait(600)
        found = [await kept.value()]
        wait(0.5)
        found += await asyncio.gather(kept.value(), kept.value())
        go_on.set()
        wait(600)
        return [*found, await kept.value()]

    assert asyncio.run(ask()) == [1, 1, 1, 2]
