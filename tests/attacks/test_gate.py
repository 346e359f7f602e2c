"""The gate, asked by a hub that has been taken over: three verbs, for its own user's jobs, and no more."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Demo
from ..slurm import ask, jobs, until
from .gate import as_account, gate, good
from .state import nothing_changes

EVIL = {
    "newline": "abc\nid",
    "trailing newline": "abc\n",
    "carriage return": "abc\rid",
    "directive": "abc\n#SBATCH --uid=0",
    "double quote": 'a"b',
    "single quote": "a'b",
    "NUL": "a\0b",
    "blank": "a b",
    "option": "--wrap=id",
    "dash": "-a",
    "substitution": "$(id)",
    "backticks": "`id`",
    "separator": "a;id",
    "equals": "a=b",
    "slash": "../a",
    "percent": "%j",
    "comma": ",",
    "other digits": "\uff11",
    "half a character": "\ud800",
    "long": "x" * 300,
    "empty": "",
    "number": 7,
    "true": True,
    "null": None,
    "list": ["jupyter-short"],
    "mapping": {"a": "b"},
}
REQUESTS: dict[str, Any] = {
    **{
        f"{key}: {name}": good(**{key: value})
        for key in ("tag", "partitions", "account")
        for name, value in EVIL.items()
    },
    **{
        f"{key}: {name}": good(**{key: value})
        for key in ("qos", "reservation", "constraint", "gres")
        for name, value in EVIL.items()
        if name in ("newline", "trailing newline", "NUL", "double quote", "single quote", "option", "blank", "list")
    },
    **{
        f"{key}: {value!r:.20}": good(**{key: value})
        for key in ("memory", "cpus", "minutes")
        for value in (0, -1, 1.0, True, "1", "1;id", None, [1], 2**64, ..., float("nan"), float("inf"))
    },
    **{f"without {key}": good(**{key: ...}) for key in ("verb", "tag", "partitions", "environment")},
    **{
        f"also {key}": good(**{key: "id"})
        for key in (
            "wrap",
            "script",
            "uid",
            "user",
            "options",
            "export",
            "output",
            "job_name",
            "--wrap",
            "",
            "chdir",
            "job",
        )
    },
    **{
        f"verb {verb!r:.20}": {"verb": verb, "job": 1}
        for verb in ("exec", "", "SUBMIT", "submit ", None, 1, True, [], {})
    },
    **{
        f"{verb} {job!r:.20}": {"verb": verb, "job": job}
        for verb in ("cancel", "log")
        for job in (
            0,
            -1,
            1.5,
            True,
            "1",
            "1 2",
            "1;id",
            "../../../etc/passwd",
            "/etc/shadow",
            [1],
            None,
            2**40,
            {"a": 1},
        )
    },
    "cancel of another user": {"verb": "cancel", "job": 1, "user": "bob"},
    "cancel of all": {"verb": "cancel"},
    "cancel with a signal": {"verb": "cancel", "job": 1, "signal": "KILL"},
    "log with a path": {"verb": "log", "job": 1, "path": "/etc/passwd"},
    "log with lines": {"verb": "log", "job": 1, "lines": 10**9},
    "a list": [good()],
    "a text": '"submit"',
    "nothing": "",
    "a number": "1",
    "null": "null",
    "no JSON": "verb=submit",
    "half": json.dumps(good())[:-1],
    "two": json.dumps(good()) + json.dumps(good()),
    "not UTF-8": b'{"verb": "log", "job": 1, "\xff": 1}',
    "NULs": b"\0" * 1000,
    "too long": json.dumps(good()) + " " * 70_000,
    "much too long": b"x" * 10_000_000,
    "deep": "[" * 30_000,
    "many digits": '{"verb": "log", "job": ' + "9" * 20_000 + "}",
}
VARIABLES: dict[str, Any] = {
    **{
        name: {name: "/tmp/x"}
        for name in (
            *("LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "BASH_ENV", "ENV"),
            *("HOME", "USER", "SHELL", "IFS", "SLURM_CONF", "SBATCH_PARTITION", "SITEKIT_SESSION", "JUPYTER_PATH"),
            *("JUPYTER_CONFIG_DIR", "jupyterhub_x", "JUPYTERHUB_", "JUPYTERHUB_x", "XJUPYTERHUB_X", "JUPYTERHUB_X=Y"),
            *(
                "JUPYTERHUB_X\nLD_PRELOAD",
                "JUPYTERHUB_X ",
                "JUPYTERHUB_" + "X" * 60,
                "MEM_LIMITS",
                "BASH_FUNC_ls%%",
                "",
            ),
        )
    },
    **{
        f"value {value!r:.20}": {"JUPYTERHUB_X": value}
        for value in (
            "a\nb",
            "a\0b",
            "a\rb",
            "\x1b[2J",
            "\x7f",
            "\x85",
            "\ud800",
            "x" * 9000,
            1,
            True,
            None,
            ["a"],
            {"a": "b"},
        )
    },
    "a list": ["JUPYTERHUB_X=1"],
    "a text": "JUPYTERHUB_X=1",
    "null": None,
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_the_gate_refuses(demo: Demo, request_: object) -> None:
    with nothing_changes(demo.site):
        refused(demo, request_)


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES.keys())
def test_the_gate_takes_no_such_environment(demo: Demo, variables: object) -> None:
    with nothing_changes(demo.site):
        refused(demo, good(environment=variables))


def refused(demo: Demo, request: object) -> None:
    done = gate(demo.site, request)
    assert (done.code, done.err) == (1, "")
    assert done.answer["ok"] is False and done.answer["kind"] in ("refused", "gate")
    assert len(done.out) < 2000


@pytest.mark.parametrize("user", ["root", "nobody", "www-data", "slurm", "jupyterhub-daemon", "jupyterhub-proxy"])
def test_the_gate_itself_knows_who_may_have_servers(demo: Demo, user: str) -> None:
    """Without sudo in between: the second lock behind the first."""
    done = as_account(user, [str(demo.site.libexec / "gate")], json.dumps(good()))
    assert done.code == 1 and done.answer["kind"] == "refused"
    assert f"{user} is not an account" in done.answer["error"]


@pytest.fixture(scope="module")
def bobs(demo: Demo) -> Iterator[int]:
    """A job of bob's, through the gate, held so that it neither runs nor ends."""
    number = int(gate(demo.site, good(tag="b0bb0bb0bb0bb0bb", partitions="jupyter-long"), "bob").answer["job"])
    yield number
    gate(demo.site, {"verb": "cancel", "job": number}, "bob")
    until(lambda: not any(job.startswith(f"{number} ") for job in jobs(demo.site, "bob")))


@pytest.mark.parametrize("graceful", [True, False])
def test_another_users_job_cannot_be_cancelled(demo: Demo, bobs: int, graceful: bool) -> None:
    gate(demo.site, {"verb": "cancel", "job": bobs, "graceful": graceful}, "alice")
    state = ask(demo.site, "scontrol", "--oneliner", "show", "job", str(bobs))
    assert "JobState=RUNNING" in state or "JobState=PENDING" in state


def test_ones_own_other_jobs_cannot_be_cancelled(demo: Demo) -> None:
    """Only servers' jobs are the hub's business, by their name."""
    words = [
        "--parsable",
        "--partition=jupyter-short",
        "--mem=50M",
        "--chdir=/",
        "--output=/dev/null",
        "--wrap=sleep 60",
    ]
    number = ask(demo.site, "sbatch", *words, user="alice")
    try:
        gate(demo.site, {"verb": "cancel", "job": int(number), "graceful": False}, "alice")
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
def test_a_log_that_is_a_link_shows_what_its_user_can_read_anyway(demo: Demo, logs: Path, target: str) -> None:
    (logs / "job-4000000000.log").symlink_to(target)
    told = gate(demo.site, {"verb": "log", "job": 4_000_000_000}).answer
    assert told["lines"] == []


def test_a_log_that_never_ends_or_never_begins_does_not_hold_the_gate(demo: Demo, logs: Path) -> None:
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
