"""The gate and the check of site.yml agree: what a tier may say, the gate takes; and which logs it
removes."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from gate_program import gate_program
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_sites import demo

from sitekit.backends.resource_choice import Choice
from sitekit.backends.slurm.gate_client import request_of
from sitekit.contracts.gate_config import hub_variables
from sitekit.contracts.tunnel_paths import SENT
from sitekit.site.sections import tier
from sitekit.site.sections.tier import Tier

TIER = {
    "key": "small",
    "title": "Small",
    "partitions": ["short"],
    "memory": "2G",
    "time": "1h",
    "idle": "never",
}
NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    return gate_program()


def refused(gate: ModuleType, row: dict[str, object]) -> str:
    """Why the gate would not submit a server of this tier; empty where it would."""
    request = request_of(Choice.of(Tier.model_validate(TIER | row)), "0123456789abcdef", {})
    try:
        gate.text(request["partitions"], "partitions", gate.NAMES)
        for key, highest in gate.NUMBERS.items():
            gate.whole(request.get(key, gate.LEFT_OUT.get(key)), key, highest)
        for key, (form, _) in gate.TEXTS.items():
            if key in request:
                gate.text(request[key], key, form)
    except gate.Refused as refusal:
        return str(refusal)
    return ""


@settings(max_examples=60, deadline=None)
@given(name=NAME, gpus=st.integers(1, tier.MOST_GPUS))
def test_any_name_that_a_tier_may_have_the_gate_takes(
    gate: ModuleType, name: str, gpus: int
) -> None:
    row = dict.fromkeys(("gpu_type", "account", "qos", "reservation", "constraint"), name)
    assert refused(gate, {**row, "partitions": [name, name], "gpus": gpus}) == ""


def test_the_largest_figures_of_a_tier_the_gate_takes(gate: ModuleType) -> None:
    assert (
        refused(gate, {"memory": "16T", "cpus": 4096, "time": "366d", "gpus": tier.MOST_GPUS}) == ""
    )
    assert refused(gate, {"nodes": 1000, "tasks": 4096, "exclusive": True}) == ""


@pytest.mark.parametrize(
    "row",
    [
        {"memory": "17T"},
        {"cpus": 4097},
        {"time": "367d"},
        {"gpus": 1000},
        {"cpus": 0},
        {"nodes": 1001},
        {"tasks": 4097},
        {"nodes": 0},
    ],
)
def test_others_the_check_refuses(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(row))):
        Tier.model_validate(TIER | row)
    [(key, value)] = row.items()
    with pytest.raises(ValueError, match=key):
        Tier.model_validate(TIER | {"choose": {key: [value, value]}})


@pytest.mark.parametrize("name", ["a100:2", "gpu,fpga", "-a", "a b", "", "x" * 65, "é"])
def test_a_type_that_the_gate_would_refuse_the_check_refuses(gate: ModuleType, name: str) -> None:
    assert not gate.GRES.match(f"gpu:{name}:1")
    with pytest.raises(ValueError, match="gpu_type"):
        Tier.model_validate(TIER | {"gpus": 1, "gpu_type": name})


def test_the_log_of_a_job_that_runs_stays_however_many_came_after_it(
    gate: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    for number in (5, 6, *range(100, 100 + 2 * gate.LOGS_KEPT)):
        (folder / f"job-{number}.log").touch()
    (folder / "notes").touch()
    gate.log_folder(
        {"log_dir": "log"}, SimpleNamespace(home=str(tmp_path), logs=str(folder)), {5, 103}
    )
    left = sorted(path.name for path in folder.iterdir())
    newest = range(100 + gate.LOGS_KEPT + 1, 100 + 2 * gate.LOGS_KEPT)
    assert left == sorted(["notes", *(f"job-{number}.log" for number in (5, 103, *newest))])


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_in_a_full_home_a_server_starts_without_a_log(
    gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    """tests/faults/test_cards.py does the same with a real full filesystem."""

    def fsync(_: int) -> None:
        raise OSError(full, "full")

    owner = SimpleNamespace(home=str(tmp_path), logs=str(tmp_path / "log"))
    monkeypatch.setattr(gate.os, "fsync", fsync)
    assert gate.log_folder({}, owner, set()) is None
    assert not list((tmp_path / "log").iterdir())
    figures = {**dict.fromkeys(gate.NUMBERS, 1)}
    config = {"job_name": "jupyter", "site": "demo"}
    assert "--output=/dev/null" in gate.job_options(config, owner, "0" * 16, figures, None)
    full = errno.EROFS  # fsync() above raises this one now
    with pytest.raises(gate.Refused, match="cannot be written"):
        gate.log_folder({}, owner, set())


def test_the_hub_names_the_jobs_that_run(gate: ModuleType) -> None:
    request = request_of(Choice.of(Tier.model_validate(TIER)), "0123456789abcdef", {}, {"103", "5"})
    assert gate.numbers(json.loads(json.dumps(request))["running"]) == {5, 103}


def test_the_gate_takes_the_longest_key_of_a_tunnel_and_passes_it_on(gate: ModuleType) -> None:
    sent = json.dumps({"host": "a" * 253, "user": "b" * 32, "key": "-----\n" + "k" * 1000 + "\n-----\n",
                       "certificate": "c" * 2000, "host_key": "h" * 200, "port": 65535, "listen": 65535})  # fmt: skip
    hub = hub_variables(demo())
    me = gate.Owner("alice", 1000, "alice", "/home/alice", "/home/alice/log", "/bin/sh")
    variables = {SENT: sent, "JUPYTERHUB_SITEKIT_OTHER": "x"}
    passed = gate.environment({"hub": hub}, me, variables)
    assert passed[SENT] == sent and "JUPYTERHUB_SITEKIT_OTHER" not in passed
    with pytest.raises(gate.Refused):
        gate.environment({"hub": hub}, me, {SENT: "two\nlines"})


def test_an_older_gate_takes_what_a_tier_of_one_node_asks_for() -> None:
    """The login node may have the gate of an older sitekit, which refuses keys that it does not know."""
    request = request_of(Choice.of(Tier.model_validate(TIER)), "0123456789abcdef", {})
    assert request.keys() == {
        "tag", "partitions", "memory", "cpus", "minutes", "environment", "running"
    }  # fmt: skip
