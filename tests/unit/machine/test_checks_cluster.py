"""What sinfo says of nodes, read: the largest of each partition, its limit, and its GPUs by type."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.machine.checks.tiers_fit_cluster import read, slowed_down

SAID = """\
10.0.0.1|gpu|64|512000|5-00:00:00|gpu:a100:4(S:0-3),gpu:v100:2
10.0.0.2|gpu|32|256000|5-00:00:00|gpu:a100:8(S:0-1),lustre:1
10.0.0.3|plain|16|64000|30:00|gpu:2
10.0.0.4|plain|8|128000|30:00|(null)
10.0.0.4|endless|8|64000|infinite|gpu:nvidia_a100_1g.5gb:7(S:0)
what is this
"""


def test_the_largest_node_counts_and_gpus_go_by_their_type():
    there = read(SAID)
    assert set(there) == {"gpu", "plain", "endless"}
    assert (there["gpu"].cpus, there["gpu"].memory, there["gpu"].limit) == (64, 512000, 5 * 86400)
    assert there["gpu"].gpus == {"a100": 8, "v100": 2, "": 8}
    assert (there["plain"].memory, there["plain"].limit, there["plain"].gpus) == (
        128000,
        1800,
        {"": 2},
    )
    assert there["endless"].limit is None and there["endless"].gpus == {
        "nvidia_a100_1g.5gb": 7,
        "": 7,
    }


@pytest.mark.parametrize(
    ("plugin", "program", "v2_here", "slow"),
    [
        ("cgroup/v2", "(null)", False, True),
        ("cgroup/v1", "(null)", True, False),
        ("autodetect", "(null)", True, True),
        ("autodetect", "(null)", False, False),
        ("cgroup/v2", "/etc/slurm/lift-memory-high", True, False),
        ("cgroup/v2", "/usr/sbin/nhc", True, True),
    ],
)
def test_where_memory_above_the_request_comes_but_slowly(
    plugin: str, program: str, v2_here: bool, slow: bool, tmp_path: Path
) -> None:
    if v2_here:
        (tmp_path / "cgroup.controllers").touch()
    assert slowed_down({"CgroupPlugin": plugin, "HealthCheckProgram": program}, tmp_path) is slow
