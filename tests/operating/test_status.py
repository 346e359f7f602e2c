"""`make status` and `make top` on the demo: while it runs, without root, and when the hub is stopped,
closed and without its state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..conftest import CHECKOUT, Demo
from ..person import Person
from ..slurm import until


def kit(demo: Demo, *words: str, code: int | None = 0) -> str:
    """Run a command of the kit for the demo. Its exit code must be `code`; None: any."""
    done = subprocess.run(
        [CHECKOUT / "scripts/kit", *words],
        env={"PATH": "/usr/bin:/bin", "SITE": str(demo.site.etc / "site.yml"), "LANG": "C.UTF-8"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done.stdout


def record(demo: Demo, code: int | None = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kit(demo, "status", "JSON=1", code=code))
    return found


def server_of(found: dict[str, Any], user: str) -> dict[str, Any]:
    [server] = [one for one in found["servers"] if one["user"] == user]
    return server


WITHOUT_ROOT = Path(__file__).parent / "programs" / "status_without_root.py"


def test_root_sees_all_and_others_what_they_may(demo: Demo, alice: Person) -> None:
    assert alice.start("small")[-1].get("ready")

    def complete() -> dict[str, Any] | None:
        """The record, once the server has reported its memory. A busy hub may answer too late."""
        told = record(demo, code=None)
        return told if server_of(told, "alice")["used"] and not told["unseen"] else None

    found = until(complete, 240)
    assert isinstance(found, dict)
    server, tier = server_of(found, "alice"), demo.site.tier("small")
    assert (server["tier"], server["state"]) == ("small", "running") and server["node"]
    assert (server["memory"], server["cap"]) == (tier.memory, tier.cap)
    assert found["unseen"] == {} and found["hub"]["slurm"]["snapshot_age"] >= 0
    assert set(found["certificates"]) == {"front", "internal"}
    assert set(found["disks"]) == {"prefix", "state", "homes"}
    assert any("alice" in who for who in found["releases"][found["release"]])
    text = kit(demo, "status")
    assert "1 running" in text and "answered in" in text
    pipe = f"SITE={demo.site.etc}/site.yml {CHECKOUT}/scripts/kit top | head -n 1"
    top = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, timeout=300)
    assert "1 running" in top.stdout and not top.stderr

    words = [str(CHECKOUT / "scripts"), str(demo.site.etc / "site.yml")]
    argv = [sys.executable, "-B", WITHOUT_ROOT, *words]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.split("---\n")[1])
    assert server_of(seen, "alice")["state"] == "running"
    assert {"ledger", "hub"} <= seen["unseen"].keys() and seen["cards"] is None


def test_a_hub_that_is_stopped_closed_and_without_its_state(demo: Demo, alice: Person) -> None:
    assert alice.start("small")[-1].get("ready")
    state = demo.site.paths.state
    aside = state.with_name(f"{state.name}.aside")
    kit(demo, "stop")
    try:
        kit(demo, "maintenance_on")
        found = record(demo, code=1)
        assert server_of(found, "alice")["state"] == "running", "from the ledger and from Slurm"
        assert "hub" in found["unseen"] and found["certificates"] == {}
        assert any(one["subject"] == "maintenance" for one in found["overview"])
        state.rename(aside)
        found = record(demo, code=1)
        assert (server_of(found, "alice")["tier"], "ledger" in found["unseen"]) == ("", True)
        assert any("does not exist" in one["text"] for one in found["overview"])
        aside.rename(state)
    finally:
        if aside.exists():
            aside.rename(state)
        kit(demo, "maintenance_off")
        kit(demo, "start")
    # the started hub has to find the server first
    until(lambda: alice.server_api("GET", "status").status_code == 200, 240)
    until(lambda: record(demo, code=None)["unseen"] == {}, 240)
    record(demo)
