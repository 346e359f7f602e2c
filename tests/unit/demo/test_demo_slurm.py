"""The demo cluster's configuration: pure, golden, and consistent with the site's tiers."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from sitekit.demo.cluster import paths_and_ports
from sitekit.demo.cluster.describe_host import Host, node_memory, writable_cgroup
from sitekit.demo.cluster.slurm_accounts_and_qos import wanted
from sitekit.demo.cluster.slurm_conf import PARTITIONS, render, slurm_conf
from sitekit.demo.software.modulefiles import modulefiles
from sitekit.site.types.memory_and_time import parse_time

GOLDEN = Path(__file__).parents[2] / "golden" / "demo"
SITE = paths_and_ports.demo_site("supervisord")
HOST = Host("box", "127.0.1.1", loopback_only=True, node_memory=4096, cgroup="v1")
CASES = {
    "v1": HOST,
    "v2": dataclasses.replace(HOST, cgroup="v2"),
    "container": dataclasses.replace(HOST, cgroup=None, loopback_only=False, address="127.0.0.1"),
}


@pytest.mark.parametrize("case", CASES)
def test_configuration_is_as_recorded(case: str, request: pytest.FixtureRequest) -> None:
    text = "".join(
        f"==> {path} <==\n{content}\n" for path, content in render(SITE, CASES[case]).items()
    )
    golden = GOLDEN / f"slurm-{case}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_modules_are_as_recorded(request: pytest.FixtureRequest) -> None:
    libraries = Path("/software/python/3.9/usr/lib/x86_64-linux-gnu")
    files = modulefiles(
        Path("/modules"), Path("/software"), {"3.11": None, "3.9": libraries}, "3.11", "4.2"
    )
    text = "".join(f"==> {path} <==\n{content}\n" for path, content in files.items())
    golden = GOLDEN / "modules.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_tier_fits_a_node_and_its_partitions() -> None:
    text = slurm_conf(SITE, dataclasses.replace(HOST, node_memory=node_memory(1_000_000 * 1024)))
    limits = dict(re.findall(r"^PartitionName=(\S+) .*MaxTime=(\S+)", text, re.MULTILINE))
    memory = int(re.search(r"RealMemory=(\d+)", text)[1])
    for tier in SITE.tiers:
        assert tier.memory <= memory
        for partition in tier.partitions:
            assert tier.time <= parse_time(limits[partition])


def test_a_longer_tier_lengthens_its_partition() -> None:
    week = SITE.tier("long").model_copy(update={"time": 7 * 86400})
    text = slurm_conf(SITE.model_copy(update={"tiers": (week,)}), HOST)
    assert "PartitionName=jupyter-long Nodes=demo1,demo2 MaxTime=7-00:00:00" in text
    assert "PartitionName=jupyter-short Nodes=demo1,demo2 MaxTime=4:00:00" in text


def test_batch_overlaps_and_does_not_shut_out_notebooks() -> None:
    nodes, _, options = PARTITIONS["batch"]
    assert set(nodes) & set(PARTITIONS["jupyter-overflow"][0])
    assert "OverSubscribe=FORCE:1 " in options


def test_without_cgroup_nothing_asks_for_one() -> None:
    files = {path.name: text for path, text in render(SITE, CASES["container"]).items()}
    assert "cgroup" not in files["slurm.conf"]
    assert "Constrain" not in files["cgroup.conf"]


@pytest.mark.parametrize(
    ("kib", "mib"), [(1_000_000, 2048), (16 * 1024**2, 5376), (512 * 1024**2, 8192)]
)
def test_memory_of_a_node(kib: int, mib: int) -> None:
    assert node_memory(kib * 1024) == mib


def test_plain_directories_are_no_cgroups(tmp_path: Path) -> None:
    for name in ("memory", "freezer", "cpuacct"):
        (tmp_path / name).mkdir()
    assert writable_cgroup(tmp_path) is None
    assert not any((tmp_path / "memory").iterdir())
    for name in ("memory", "freezer", "cpuacct"):
        (tmp_path / name / "cgroup.procs").touch()
    assert writable_cgroup(tmp_path) == "v1"
    (tmp_path / "cgroup.controllers").write_text("cpu io\n")
    assert writable_cgroup(tmp_path) is None


def test_the_hub_submits_nothing_and_has_no_right_that_it_may_lack_elsewhere() -> None:
    hub = next(words for words in wanted(SITE) if words[:2] == ("user", SITE.hub.user))
    assert "MaxSubmitJobs=0" in hub and not any(word.startswith("AdminLevel") for word in hub)
    accounts = [words[2] for words in wanted(SITE) if words[:2] == ("user", "alice")]
    assert accounts == ["Account=research", "Account=teaching"]
