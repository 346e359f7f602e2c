"""What sites rely on in batchspawner works through SlurmServer: req_* traits, state regexes, exec
hosts, JobStatus."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Demo

CHILD = Path(__file__).with_name("upstream_child.py")


@pytest.fixture(scope="module")
def said(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the child program says, run in the release of the demo."""
    python = demo.site.current / "bin" / "python"
    folder = tmp_path_factory.mktemp("ledger")
    argv = [python, "-I", CHILD, demo.site.etc / "site.yml", folder]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("PENDING", "PENDING"),
        ("CONFIGURING", "PENDING"),
        ("RUNNING", "RUNNING"),
        ("SUSPENDED", "RUNNING"),
        # to batchspawner it runs: its server has ended, and the epilog may take long
        ("COMPLETING", "NOTFOUND"),
        ("TIMEOUT", "NOTFOUND"),
        ("CANCELLED", "NOTFOUND"),
        ("NEWEST_STATE", "UNKNOWN"),
    ],
)
def test_job_status(said: dict[str, Any], state: str, status: str) -> None:
    assert said["states"][state]["status"] == status


def test_state_methods_read_the_job_status(said: dict[str, Any]) -> None:
    running, pending = said["states"]["RUNNING"], said["states"]["PENDING"]
    assert (running["running"], running["pending"]) == (True, False)
    assert (pending["running"], pending["pending"]) == (False, True)
    assert running["job_status"] == "RUNNING demo1"
    assert said["ancestor"]


def test_the_exec_host_becomes_the_nodes_address(said: dict[str, Any]) -> None:
    """demo1 is in no DNS; Slurm has its address."""
    assert (said["states"]["RUNNING"]["host"], said["states"]["RUNNING"]["address"]) == (
        "demo1",
        "127.0.0.1",
    )


def test_a_sites_own_regexes_are_heard(said: dict[str, Any]) -> None:
    own = said["own regexes"]
    assert (own["status"], own["host"], own["address"]) == (
        "RUNNING",
        "demo1.fabric",
        "demo1.fabric",
    )


def test_req_traits_come_from_the_choice_and_from_the_site(
    said: dict[str, Any], demo: Demo
) -> None:
    traits, tier = said["traits"], demo.site.tier("small")
    assert traits["partition"] == ",".join(tier.partitions)
    assert traits["memory"] == f"{tier.memory}M"
    assert (traits["nprocs"], traits["runtime"]) == ("1", "4:00:00")
    assert (traits["prologue"], traits["options"]) == ("module load site", "--exclusive")
    assert (traits["username"], traits["homedir"]) == ("alice", "/home/alice")


def test_silence_ends_no_server(said: dict[str, Any]) -> None:
    assert said["silence"] == {"unknown": "UNKNOWN", "poll": None, "failing poll": None}


def test_the_directory_of_accounts_is_asked_outside_of_the_event_loop_and_may_be_silent(
    said: dict[str, Any],
) -> None:
    told = said["directory"]
    assert told["asked in the event loop"] and not any(told["asked in the event loop"])
    assert (told["start"], told["groups"]) == ("patience", None)


def test_a_progress_page_that_opens_before_the_child_is_there_says_what_happens(
    said: dict[str, Any],
) -> None:
    assert "Reading which resources you may use" in said["first event"]


def test_the_child_is_given_only_traits_that_it_has(said: dict[str, Any]) -> None:
    """Others are dropped by traitlets with a warning."""
    assert said["handed"] == []


def test_a_start_that_takes_too_long_says_why_and_is_given_up(said: dict[str, Any]) -> None:
    told = said["patience"]
    assert (told["told"], told["kept"], told["abandoned"]) == ("patience", "patience", True)
    assert "The nodes for this tier are full" in told["what"]
