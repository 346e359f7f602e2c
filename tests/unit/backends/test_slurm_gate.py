"""The gate's answers, as the hub takes them: a refusal, or the scheduler's silence. A script plays sudo."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sitekit.backends.slurm import gate
from sitekit.backends.slurm.command import Silent
from sitekit.base.data import data
from sitekit.site import load_site


def answered(monkeypatch: pytest.MonkeyPatch, folder: Path, out: str) -> None:
    """Submit a job through a sudo that prints `out`."""
    sudo = folder / "sudo"
    sudo.write_text(f"#!/bin/sh\ncat > /dev/null\ncat <<'END'\n{out}\nEND\n")
    sudo.chmod(0o755)
    monkeypatch.setattr(gate, "SUDO", str(sudo))
    asyncio.run(gate.submit(load_site(data("config/sites/demo.yml")), "alice", {}))


def told(kind: str, error: str) -> str:
    return json.dumps({"ok": False, "kind": kind, "error": error})


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("sbatch", "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"),
        ("sbatch", "sbatch: error: Batch job submission failed: Protocol authentication error"),
        ("scancel", "scancel: error: Kill job error on job id 7: Socket timed out on send/recv operation"),
        ("sbatch", "sbatch: error: slurm_unpack_received_msg: [[localhost]:6817] Message receive failure"),
        ("silent", "sbatch did not answer"),
    ],
)
def test_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, error: str) -> None:
    with pytest.raises(Silent):
        answered(monkeypatch, tmp_path, told(kind, error))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("sbatch", "sbatch: error: Batch job submission failed: Invalid account or account/partition combination"),
        ("home", "/home/alice/.jupyterhub cannot be written: Connection timed out"),  # a file server's, not Slurm's
        ("refused", "the request is not JSON"),
    ],
)
def test_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, error: str) -> None:
    with pytest.raises(gate.Refused) as refusal:
        answered(monkeypatch, tmp_path, told(kind, error))
    assert refusal.value.kind == kind


def test_a_sudo_that_says_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(gate.Refused, match="sudo did not let the hub act for alice"):
        answered(monkeypatch, tmp_path, "")
