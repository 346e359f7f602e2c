"""The gate, asked by a hub that has been taken over: three verbs, for its own user's jobs, and no
more."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Demo
from ..slurm import ask, jobs, partition_down, until
from .gate import Done, as_account, gate, gate_of_each, good
from .gate_requests import REQUESTS, VARIABLES
from .state import nothing_changes


def test_the_gate_refuses(demo: Demo) -> None:
    with nothing_changes(demo.site):
        answers = gate_of_each(demo.site, REQUESTS)
    served = {name: told for name, told in answers.items() if not refused(told)}
    assert served == {}


def test_the_gate_takes_no_such_environment(demo: Demo) -> None:
    with nothing_changes(demo.site):
        requests = {name: good(environment=variables) for name, variables in VARIABLES.items()}
        answers = gate_of_each(demo.site, requests)
    served = {name: told for name, told in answers.items() if not refused(told)}
    assert served == {}


def refused(done: Done) -> bool:
    """Whether the gate's answer is a short and proper refusal."""
    proper = (done.code, done.err) == (1, "") and len(done.out) < 2000
    return proper and done.answer["ok"] is False and done.answer["kind"] in ("refused", "gate")


@pytest.mark.parametrize(
    "user", ["root", "nobody", "www-data", "slurm", "jupyterhub-daemon", "jupyterhub-proxy"]
)
def test_the_gate_itself_knows_who_may_have_servers(demo: Demo, user: str) -> None:
    """Without sudo in between: the second lock behind the first."""
    done = as_account(user, [str(demo.site.libexec / "gate")], json.dumps(good()))
    assert done.code == 1 and done.answer["kind"] == "refused"
    assert f"{user} is not an account" in done.answer["error"]


@pytest.mark.parametrize(
    ("user", "settings"),
    [
        ("games", {"groups": ["games"], "never": []}),  # a system account
        ("alice", {"never": ["alice"]}),
        ("alice", {"groups": ["games"]}),
        ("alice", {"groups": ["kit-no-such-group"]}),
        ("alice", {"groups": []}),
    ],
)
def test_each_of_these_locks_holds_alone(
    demo: Demo, open_path: Path, user: str, settings: dict[str, Any]
) -> None:
    asked = shutil.copy(demo.site.libexec / "gate", open_path)
    config = json.loads((demo.site.libexec / "gate.json").read_text())
    for given, kind in ((settings, "refused"), ({"groups": [user], "min_uid": 1}, None)):
        (open_path / "gate.json").write_text(json.dumps({**config, **given}))
        assert as_account(user, [asked], '{"verb": "log", "job": 1}').answer.get("kind") == kind


@pytest.mark.parametrize(
    "identity",
    [
        ["--ruid=alice", "--euid=root", "--regid=alice", "--init-groups"],
        ["--reuid=alice", "--regid=alice", "--groups=alice,jupyter-users,shadow"],
        ["--reuid=alice", "--regid=jupyterhub-daemon", "--groups=alice,jupyter-users"],
        ["--reuid=alice", "--regid=root", "--groups=alice,jupyter-users"],
    ],
    ids=" ".join,
)
def test_the_gate_runs_as_its_user_through_and_through(demo: Demo, identity: list[str]) -> None:
    done = as_account(
        "alice",
        [str(demo.site.libexec / "gate")],
        '{"verb": "log", "job": 1}',
        identity=tuple(identity),
    )
    assert done.code == 1 and done.answer["kind"] == "refused"


@pytest.mark.parametrize("words", [["submit"], [""], ["-"], ["--", "x"]])
def test_the_gate_itself_takes_no_arguments(demo: Demo, words: list[str]) -> None:
    done = as_account(
        "alice", [str(demo.site.libexec / "gate"), *words], '{"verb": "log", "job": 1}'
    )
    assert done.code == 1 and done.answer["error"] == "the gate takes no arguments"


@pytest.fixture(scope="module")
def bobs(demo: Demo) -> Iterator[int]:
    """A job of bob's, through the gate, in a partition that starts none, so that it neither runs
    nor ends."""
    with waiting(demo, "bob") as number:
        yield number


@contextmanager
def waiting(demo: Demo, user: str) -> Iterator[int]:
    """A server's job that waits."""
    request = good(tag="b0bb0bb0bb0bb0bb", partitions="jupyter-long")
    with partition_down(demo.site, "jupyter-long"):
        number = int(gate(demo.site, request, user).answer["job"])
        try:
            yield number
        finally:
            ask(demo.site, "scancel", str(number))
            until(lambda: not any(job.startswith(f"{number} ") for job in jobs(demo.site, user)))


@pytest.mark.parametrize("graceful", [True, False])
def test_another_users_job_cannot_be_cancelled(demo: Demo, bobs: int, graceful: bool) -> None:
    gate(demo.site, {"verb": "cancel", "job": bobs, "graceful": graceful}, "alice")
    state = ask(demo.site, "scontrol", "--oneliner", "show", "job", str(bobs))
    assert "JobState=RUNNING" in state or "JobState=PENDING" in state


def test_a_job_is_a_servers_whatever_its_user_calls_it(demo: Demo, bobs: int) -> None:
    """Name and comment are its user's to change. The job waits, as bob's does: it would end at
    once, because it cannot reach a hub."""
    told = gate(demo.site, good(environment={}, partitions="jupyter-long"))
    number = str(told.answer["job"])
    ask(
        demo.site,
        "scontrol",
        "update",
        f"JobId={number}",
        "JobName=mine\n|9|",
        "Comment=a\nb|",
        user="alice",
    )
    assert gate(demo.site, {"verb": "cancel", "job": int(number), "graceful": False}).answer == {
        "ok": True
    }
    until(lambda: not any(job.startswith(f"{number} ") for job in jobs(demo.site, "alice")))


def test_a_job_that_is_gone_is_told(demo: Demo) -> None:
    """To its owner Slurm shows every job, so that the hub can rely on it."""
    # one that Slurm may give, and one that it never does
    for number in (60_000_000, 4_000_000_000):
        assert gate(demo.site, {"verb": "cancel", "job": number}).answer == {
            "ok": True,
            "gone": True,
        }


def test_arrays_are_no_servers(demo: Demo) -> None:
    words = [
        "--hold",
        "--array=1-2",
        f"--job-name={demo.site.job_name}",
        "--partition=jupyter-short",
        "--mem=10M",
    ]
    number = ask(
        demo.site, "sbatch", "--parsable", *words, "--output=/dev/null", "--wrap=true", user="alice"
    )
    try:
        assert gate(demo.site, {"verb": "cancel", "job": int(number)}).answer["kind"] == "refused"
        assert ask(demo.site, "squeue", "--noheader", f"--jobs={number}", "--format=%i")
    finally:
        ask(demo.site, "scancel", number)


def test_ones_own_other_jobs_cannot_be_cancelled(demo: Demo) -> None:
    """Only servers' jobs are the hub's business: by their name, their comment, or where their
    output goes."""
    words = [
        "--parsable",
        "--partition=jupyter-short",
        "--mem=50M",
        "--chdir=/",
        "--output=/dev/null",
        "--wrap=sleep 600",
    ]
    number = ask(demo.site, "sbatch", *words, user="alice")
    try:
        done = gate(demo.site, {"verb": "cancel", "job": int(number), "graceful": False}, "alice")
        assert done.answer["kind"] == "refused" and "is not a server's" in done.answer["error"]
        assert any(job.startswith(f"{number} ") for job in jobs(demo.site, "alice"))
    finally:
        ask(demo.site, "scancel", number)


def test_another_users_log_cannot_be_read(demo: Demo, bobs: int) -> None:
    told = gate(demo.site, {"verb": "log", "job": bobs}, "alice").answer
    assert told["lines"] == [] and told["path"].startswith("/home/alice/")


@pytest.fixture
def logs(demo: Demo) -> Iterator[Path]:
    """alice's folder of logs, which is hers to fill with whatever she likes."""
    folder = Path(pwd.getpwnam("alice").pw_dir) / demo.site.log_dir
    gate(demo.site, good(test=True))
    assert folder.stat().st_uid == pwd.getpwnam("alice").pw_uid
    made = [folder / "job-4000000000.log"]
    yield folder
    for path in made:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "target", ["/etc/shadow", "/var/lib/sitekit/demo/cookie_secret", "/etc/sitekit/demo/proxy.env"]
)
def test_a_log_that_is_a_link_shows_what_its_user_can_read_anyway(
    demo: Demo, logs: Path, target: str
) -> None:
    (logs / "job-4000000000.log").symlink_to(target)
    told = gate(demo.site, {"verb": "log", "job": 4_000_000_000}).answer
    assert told["lines"] == []


def test_a_log_that_never_ends_or_never_begins_does_not_hold_the_gate(
    demo: Demo, logs: Path
) -> None:
    """A named pipe without a writer, and a device: the hub would collect hanging processes."""
    trap = logs / "job-4000000000.log"
    os.mkfifo(trap)
    assert gate(demo.site, {"verb": "log", "job": 4_000_000_000}).answer["lines"] == []
    trap.unlink()
    trap.symlink_to("/dev/zero")
    assert gate(demo.site, {"verb": "log", "job": 4_000_000_000}).answer["lines"] == []


def test_a_log_is_shown_short_and_as_text(demo: Demo, logs: Path) -> None:
    (logs / "job-4000000000.log").write_bytes(b"\xff\x00\x1b[2J<script>\n" * 200_000)
    told = gate(demo.site, {"verb": "log", "job": 4_000_000_000})
    assert told.answer["ok"] and len(told.answer["lines"]) == 40 and len(told.out) < 300_000
    (logs / "job-4000000000.log").write_bytes(b"x" * 3_000_000)
    assert len(gate(demo.site, {"verb": "log", "job": 4_000_000_000}).out) < 100_000
