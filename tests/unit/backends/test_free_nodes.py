"""What sinfo says is free, how many servers of a tier fit there, and how often it is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitekit.backends.fitting_servers import FreeNode, room_for
from sitekit.backends.slurm import free_resources as read
from sitekit.backends.slurm.free_resources import FreeNodes, read_nodes
from sitekit.base.data_files import data
from sitekit.site import load_site
from sitekit.site.sections.tier import Tier

GPUS = ("gpu:a100:4(S:0-1),gpu:v100:2,craynetwork:4", "gpu:a100:1(IDX:0),gpu:v100:2(IDX:4-5)")
RECORDS = [
    ["n1", "short*", "mix", "2/6/0/8", "16000", "4000", *GPUS],
    ["n1", "long", "mix", "2/6/0/8", "16000", "4000", *GPUS],
    ["n2", "short*", "idle", "0/8/0/8", "8000", "0", "(null)", "(null)"],
    ["n3", "short*", "drain", "0/0/8/8", "8000", "0", "(null)", "(null)"],
    ["n4", "short*", "idle*", "0/8/0/8", "8000", "0", "(null)", "(null)"],
    ["n5", "short*", "alloc", "8/0/0/8", "8000", "9000", "gpu:2", "gpu:2(IDX:0-1)"],
    ["n6", "short*", "idle", "many", "8000", "0", "(null)", "(null)"],
    ["n7", "short*", "idle", "0/8/0/8", "N/A", "0", "(null)", "(null)"],
]


def tier(**other: Any) -> Tier:
    values = {"key": "t", "title": "T", "partitions": ("short",), "memory": "3000M", "time": "1h"}
    return Tier.model_validate({**values, "idle": "1h", **other})


def test_only_nodes_that_start_jobs_and_can_be_read_count() -> None:
    first, second, full = read_nodes(RECORDS)
    assert first == FreeNode(
        "n1",
        frozenset({"short", "long"}),
        6,
        12000,
        gpus={"a100": (3, 4), "v100": (0, 2)},
    )
    assert (second.name, second.idle, second.gpus) == ("n2", True, {})
    assert (full.cpus, full.memory, full.gpus) == (0, 0, {"": (0, 2)})


@pytest.mark.parametrize(
    ("wanted", "servers"),
    [
        ({}, 4 + 2),
        ({"cpus": 4}, 1 + 2),
        ({"cpus": 2, "tasks": 3}, 1 + 1),
        ({"exclusive": True}, 1),
        ({"nodes": 2}, 1),
        ({"nodes": 3}, 0),
        ({"gpus": 2, "gpu_type": "a100"}, 1),
        ({"gpus": 1, "gpu_type": "v100"}, 0),
        ({"memory": "64G"}, 0),
    ],
)
def test_as_many_servers_fit_as_nodes_have_free(wanted: dict[str, Any], servers: int) -> None:
    assert room_for(tier(**wanted), ["short"], read_nodes(RECORDS)).servers == servers
    assert room_for(tier(**wanted), ["other"], read_nodes(RECORDS)).servers == 0


def test_free_gpus_are_those_of_the_tiers_type_and_partitions() -> None:
    nodes = read_nodes(RECORDS)
    gpus = room_for(tier(gpus=1, gpu_type="a100"), ["long"], nodes)
    assert (gpus.free_gpus, gpus.all_gpus) == (3, 4)
    every = room_for(tier(gpus=1), ["short"], nodes)
    assert (every.free_gpus, every.all_gpus) == (3, 8)


def test_only_the_largest_free_nodes_are_listed() -> None:
    assert room_for(tier(), ["short"], read_nodes(RECORDS)).nodes == ((8, 8000, 0), (6, 12000, 3))


class Queue:
    silent_since: float | None = None

    async def spend(self) -> None: ...


def test_one_query_in_a_minute_serves_all_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "sinfo"
    columns = "".join(f"{field}${{mark}}" for field in RECORDS[1])
    program.write_text(
        f"#!/bin/sh\necho asked >>{tmp_path}/asked\n"
        "mark=$(printf '%s' \"$*\" | sed -n 's/.*NodeHost:\\([^,]*\\),.*/\\1/p')\n"
        f"printf '%s\\n' \"{columns}\"\n"
    )
    program.chmod(0o755)
    site = load_site(data("config/sites/demo.yml"))
    site = site.model_copy(update={"slurm": site.slurm.model_copy(update={"bin": tmp_path})})
    queue: Any = Queue()

    async def look() -> None:
        free = FreeNodes(site, queue)
        found = await asyncio.gather(*(free.recent() for _ in range(20)))
        assert {node.name for one in found for node in one or ()} == {"n1"}
        assert (tmp_path / "asked").read_text() == "asked\n"
        monkeypatch.setattr(read, "time", SimpleNamespace(monotonic=lambda: 1e12))
        queue.silent_since = 1.0
        assert await free.recent() is None, "an old answer is shown"
        assert (tmp_path / "asked").read_text() == "asked\n", "Slurm is away"

    asyncio.run(look())
