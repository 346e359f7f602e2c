"""How many participants fit: the arithmetic. tests/participants measures a real server."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from machine_sites import demo

from sitekit.base.errors import BadInput
from sitekit.operations.sizing.commands import sizing
from sitekit.operations.sizing.measure_server_and_kernel_memory import python_kernels
from sitekit.operations.sizing.participants_that_fit import Machine, Measured, estimate

MACHINE, MEASURED = Machine(total=16000, free=12000, cores=4), Measured(120, 30, "Python")


def lines(data: int = 0) -> list[str]:
    return [" ".join(line.split()) for line in estimate(demo(), MACHINE, MEASURED, data)]


def test_without_data_the_rule_of_thumb_is_100_to_200_megabytes() -> None:
    assert "by the rule of thumb 60 to 120" in lines()
    assert "as measured 80" in lines()  # 12000 / (120 + 30)


def test_data_is_in_memory_five_to_ten_times() -> None:
    assert "by the rule of thumb 3 to 7" in lines(300)  # 12000 / 3200, 12000 / 1600
    assert "as measured 3 to 7" in lines(300)


def test_each_tier_counts_by_memory_cap_and_cores() -> None:
    told = lines()
    first = told.index("small")  # 300M, 5x, 1 CPU
    assert told[first + 1 : first + 4] == [
        "by memory (300 MB) 40",
        "by memory_cap (1.5 GB) 8",
        "by cpus (1) 4",
    ]


def test_the_sources_are_named() -> None:
    text = "\n".join(lines())
    assert "2016-04-16-jupyterhub-sdsc-cloud" in text and "tljh.jupyter.org" in text


@pytest.mark.parametrize("words", [("DATA=300",), ("DATA=lots",), ("DATA=",), ("USERS=3",)])
def test_odd_arguments_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as refused:
        sizing(demo(), *words)
    assert refused.value.exit_code == 2


def test_the_newest_published_python_kernel_is_measured(tmp_path: Path) -> None:
    for name, language in [("python-3.9", "python"), ("python-3.11", "python"), ("r-4.2", "R")]:
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"display_name": name.title(), "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec))
    site = SimpleNamespace(kernels_current=tmp_path)
    assert python_kernels(site)[0] == ("Python-3.11", "python-3.11")
