"""The gate's answers, as the hub takes them: a refusal, or the scheduler's silence. A script plays
sudo.

The gate runs as the user, whose other programs may stop it or speak in its place: what is said is a
user's word.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from slurm_parts import answering, record

from sitekit.backends.slurm import gate_client, transport
from sitekit.backends.start_and_job_records import NoAnswer, Refused, Work
from sitekit.base.data_files import data
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
ALICE, BOB = 1001, 1002
WORK = Work(tag="t", user="alice", account="alice", uid=ALICE, intended=0)


def plays(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    sudo = folder / "sudo"
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)
    monkeypatch.setattr(transport, "SUDO", str(sudo))


def answered(monkeypatch: pytest.MonkeyPatch, folder: Path, out: str) -> None:
    """Submit a job through a sudo that prints `out`."""
    plays(monkeypatch, folder, f"cat > /dev/null\ncat <<'END'\n{out}\nEND")
    asyncio.run(gate_client.submit(SITE, "alice", {}))


def told(kind: str, error: str) -> str:
    return json.dumps({"ok": False, "kind": kind, "error": error})


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (
            "sbatch",
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        ),
        ("sbatch", "sbatch: error: Batch job submission failed: Protocol authentication error"),
        (
            "scancel",
            "scancel: error: Kill job error on job id 7: Socket timed out on send/recv operation",
        ),
        (
            "sbatch",
            "sbatch: error: slurm_unpack_received_msg: [[localhost]:6817] Message receive failure",
        ),
        ("silent", "sbatch did not answer"),
    ],
)
def test_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, error: str) -> None:
    with pytest.raises(NoAnswer):
        answered(monkeypatch, tmp_path, told(kind, error))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (
            "sbatch",
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination",
        ),
        # a file server's, not Slurm's
        ("home", "/home/alice/.jupyterhub cannot be written: Connection timed out"),
        ("refused", "the request is not JSON"),
    ],
)
def test_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, error: str) -> None:
    with pytest.raises(Refused) as refusal:
        answered(monkeypatch, tmp_path, told(kind, error))
    assert refusal.value.kind == kind


def test_a_sudo_that_says_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="sudo did not let the hub act for alice"):
        answered(monkeypatch, tmp_path, "")


# --- what a user may say in the gate's place -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "out",
    [
        "[]",
        '"ok"',
        "7",
        "null",
        "[" * 100_000,
        '{"ok": true}',
        '{"ok": true, "job": "7"}',
        '{"ok": true, "job": -7}',
        '{"ok": true, "job": true}',
        '{"ok": true, "job": 7.5}',
        '{"ok": true, "job": 1%s}' % ("0" * 4000),
        '{"ok": true, "job": 1%s}' % ("0" * 30),
        '{"ok": "yes", "job": 7}',
        '{"ok": false, "kind": ["sbatch"], "error": "x"}',
        '{"ok": false, "kind": "sbatch", "error": ["Unable to contact slurm controller"]}',
        '{"ok": false, "kind": "unheard of", "error": "x"}',
    ],
)
def test_what_is_no_answer_of_the_gates_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, out: str
) -> None:
    with pytest.raises(Refused) as refusal:
        answered(monkeypatch, tmp_path, out)
    assert refusal.value.kind == "gate"


def test_an_error_begins_no_line_of_a_terminals_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refusal:
        answered(
            monkeypatch,
            tmp_path,
            told("sbatch", "no\x1b[2J\r[I] User root logged in\nreally " + "x" * 10_000),
        )
    assert (
        str(refusal.value).startswith("no[2J[I] User root logged in\nreally x")
        and len(str(refusal.value)) < 5000
    )


@pytest.mark.parametrize("stream", ["1", "2"])
def test_an_answer_without_an_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stream: str
) -> None:
    plays(monkeypatch, tmp_path, f"cat > /dev/null; exec yes >&{stream}")
    with pytest.raises(NoAnswer, match="longer than"):
        asyncio.run(gate_client.submit(SITE, "alice", {}))


@pytest.mark.parametrize("lines", ["[1, 2]", '"text"', '{"a": 1}', "null", '[["x"]]'])
def test_a_log_is_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: str) -> None:
    plays(monkeypatch, tmp_path, f"""cat > /dev/null; echo '{{"ok": true, "lines": {lines}}}'""")
    assert asyncio.run(gate_client.log_lines(SITE, WORK, "7")) == []


def test_a_log_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for lines in ([str(number) for number in range(1000)], ["first", "x" * 200_000, "last"]):
        plays(
            monkeypatch,
            tmp_path,
            f"cat > /dev/null; cat <<'END'\n{json.dumps({'ok': True, 'lines': lines})}\nEND",
        )
        told = asyncio.run(gate_client.log_lines(SITE, WORK, "7"))
        assert told[-1] == lines[-1] and len(told) <= 40 and sum(map(len, told)) <= 32 * 1024


def test_gates_that_do_not_end_are_so_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user may stop the program that acts as him, and the hub may not end what is root's. bob is
    served meanwhile."""
    plays(monkeypatch, tmp_path, f"""
        trap "" TERM
        cat > /dev/null
        case "$*" in
            *alice*) echo $$ >>{tmp_path}/pids; exec >/dev/null 2>&1; until [ -e {tmp_path}/go ]; do sleep 0.05; done ;;
            *) echo '{{"ok": true, "job": 7}}' ;;
        esac""")  # fmt: skip
    monkeypatch.setattr("asyncio.base_subprocess.BaseSubprocessTransport.close", without_kill)

    async def many() -> None:
        for _ in range(gate_client.AT_ONCE):
            with pytest.raises((Refused, NoAnswer)):
                await gate_client.ask_gate(SITE, "alice", {}, timeout=0.01)
        with pytest.raises(NoAnswer, match="have not come to their end"):
            await gate_client.ask_gate(SITE, "alice", {}, timeout=0.01)
        assert await gate_client.submit(SITE, "bob", {}) == "7"
        (tmp_path / "go").touch()
        while gate_client.under_way:  # pytest's own time limit is this one's
            await asyncio.sleep(0.02)
        with pytest.raises(Refused, match="let the hub act"):
            await gate_client.ask_gate(SITE, "alice", {}, timeout=120)

    asyncio.run(many())


def without_kill(transport: Any) -> None:
    """As the kernel refuses to let the hub end sudo."""
    for pipe in transport._pipes.values():
        if pipe is not None and pipe.pipe is not None:
            pipe.pipe.close()


# --- the Operator's right ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("uid", "cancelled"), [(ALICE, True), (BOB, False), (None, False)])
def test_an_operator_cancels_the_users_own_jobs_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int | None, cancelled: bool
) -> None:
    """alice gave the hub a number that is not her job's. The gate refuses; the hub has Slurm's
    right to cancel it."""
    plays(
        monkeypatch,
        tmp_path,
        f"cat > /dev/null; echo '{told('refused', '7 is not a plain job of alice')}'",
    )
    listed = answering(record(7, uid=str(uid), user="somebody")) if uid else ":"
    for name, script in {"squeue": listed, "scancel": f"echo $* >{tmp_path}/cancelled"}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    site = SITE.model_copy(
        update={"slurm": SITE.slurm.model_copy(update={"bin": tmp_path, "conf": None})}
    )
    ask = gate_client.cancel(site, WORK, "7", graceful=False)
    if cancelled:
        assert asyncio.run(ask)
    else:
        with pytest.raises(Refused):
            asyncio.run(ask)
    assert (tmp_path / "cancelled").exists() == cancelled
