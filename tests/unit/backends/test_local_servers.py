"""Servers on the hub's own host: what the gate's records mean, and what its programs read and write."""

from __future__ import annotations

import json
import shlex
import sys
import time
from datetime import datetime, timezone
from importlib import util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from machine_sites import demo, shipped

from sitekit.backends.local.parse_servers import cause_of, ending_of, job_of
from sitekit.backends.start_and_job_records import Cause, Phase
from sitekit.contracts.local_gate_config import bridge, local_gate_config

SCRIPTS = Path(__file__).parents[3] / "scripts"
ENDED = {"job": "jupyter-x-0123456789abcdef", "account": "alice", "uid": 1001, "host": "localhost",
         "state": "ended", "started": 100, "exit_code": 0, "signal": 0, "oom": False, "elapsed": 50,
         "limit": 3600, "peak": None}  # fmt: skip


def program(name: str) -> ModuleType:
    """One of root's files, as the local gate imports it."""
    spec = util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({}, Cause.COMPLETED),
        ({"exit_code": 1}, Cause.FAILED),
        ({"signal": 9}, Cause.FAILED),
        ({"signal": 9, "oom": True}, Cause.MEMORY),
        ({"signal": 9, "oom": True, "elapsed": None}, Cause.MEMORY),
        ({"exit_code": 1, "oom": True}, Cause.FAILED),  # a kernel was killed, long before
        ({"elapsed": 3600}, Cause.TIME),
        ({"elapsed": 3611, "signal": 15}, Cause.TIME),
    ],
)
def test_why_a_server_ended(told: dict[str, Any], cause: Cause) -> None:
    assert cause_of({**ENDED, **told}) == cause


def test_a_record_is_a_job() -> None:
    job = job_of(ENDED)
    assert (job.tag, job.ended, job.uid) == ("0123456789abcdef", True, 1001)
    assert job_of({**ENDED, "state": "of a later version"}).phase is Phase.UNKNOWN
    assert ending_of({**ENDED, "state": "running"}) is None


def test_a_value_reaches_a_unit_as_it_is() -> None:
    """EnvironmentFile= has the quoting of a shell, but for line breaks, which values cannot have."""
    value = 'a "b" `c` $HOME \\d \'e\' {"f": 1}'
    assert shlex.split(program("units").quoted(value).replace("\\$", "$").replace("\\`", "`")) == [
        value
    ]


@pytest.mark.parametrize(
    ("told", "signal", "ago", "asked"),
    [(True, 9, 5, False), (False, 9, 5, True), (False, 15, 5, False), (False, 9, 3600, False)],
)
def test_an_end_for_lack_of_memory_is_in_the_kernels_log_too(
    told: bool, signal: int, ago: int, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Podman does not tell of it; the log is read only for a container that was just killed."""
    read: list[str] = []
    log = SimpleNamespace(killed_for_memory=lambda group: read.append(group) or True)
    monkeypatch.setitem(sys.modules, "units", log)
    ended = datetime.fromtimestamp(time.time() - ago, timezone.utc).isoformat()
    one = {"Id": "1234", "State": {"OOMKilled": told, "FinishedAt": ended}}
    assert program("containers").out_of_memory(one, signal) == (told or asked)
    assert read == (["-1234"] if asked else [])


def test_times_of_the_engine() -> None:
    seconds = program("containers").seconds
    assert seconds("1970-01-02T00:00:01.123456789Z") == 86401
    assert seconds("1970-01-02T02:00:01+02:00") == 86401
    assert seconds("0001-01-01T00:00:00Z") == 0


def test_the_gate_has_the_tiers_of_this_host_alone() -> None:
    site = shipped("workshop-vm")
    config = local_gate_config(site)
    assert set(config["tiers"]) == {"participant", "instructor"} and config["engines"] == ["docker"]
    assert config["tiers"]["instructor"]["group"] == "instructors"
    assert config["docker"]["gateway"] == site.hub.address
    assert len(bridge(site)) <= 15 and len(bridge(site.model_copy(update={"name": "x" * 40}))) == 15
    [image] = site.docker.images
    pinned = image.model_copy(update={"digest": f"sha256:{'1' * 64}"})
    update = {"docker": site.docker.model_copy(update={"images": (pinned,)})}
    known = local_gate_config(site.model_copy(update=update))["docker"]["images"]
    assert known["python-r"]["name"] == pinned.digest
    assert local_gate_config(demo())["engines"] == []
    json.dumps(config)
    assert "gate" not in sys.modules
