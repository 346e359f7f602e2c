"""Run services under systemd, with one unit file each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import run
from .interface import State, Word
from .service import Service, systemd_unit

UNITS = Path("/etc/systemd/system")
_WORDS: dict[str, Word] = {
    "active": "running",
    "reloading": "running",
    "activating": "starting",
    "failed": "failed",
}


class SystemdSupervisor:
    """Control the systemd that is PID 1 of this machine."""

    def files(self, services: Sequence[Service]) -> dict[Path, str]:
        return {UNITS / f"{service.name}.service": systemd_unit(service) for service in services}

    def load(self, services: Sequence[Service]) -> None:
        for path in self.files(services):
            if not path.is_file():
                raise Problem("the unit does not exist", str(path), "sudo make apply")
        read_units()
        run(["systemctl", "enable", "--quiet", *map(_unit, services)])

    def start(self, service: Service) -> None:
        run(["systemctl", "reset-failed", _unit(service)], check=False)
        run(["systemctl", "start", "--no-block", _unit(service)])

    def reload(self, service: Service) -> None:
        run(
            [
                "systemctl",
                "kill",
                f"--signal=SIG{service.reload_signal}",
                "--kill-who=main",
                _unit(service),
            ]
        )

    def stop(self, service: Service) -> None:
        if self.state(service).word != "stopped":
            run(["systemctl", "stop", _unit(service)], timeout=service.stop_seconds + 30)

    def unload(self, services: Sequence[Service]) -> None:
        there = [
            _unit(s)
            for s, path in zip(services, self.files(services), strict=True)
            if path.is_file()
        ]
        if there:
            run(["systemctl", "disable", "--quiet", *there])
            run(["systemctl", "reset-failed", *there], check=False)

    def state(self, service: Service) -> State:
        wanted = "--property=ActiveState,SubState,MainPID,NRestarts"
        shown = run(["systemctl", "show", wanted, _unit(service)], check=False)
        told = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
        active, sub = told.get("ActiveState", "inactive"), told.get("SubState", "")
        # A unit in the state `activating (auto-restart)` waits for its next restart, which may
        # succeed.
        word = _WORDS.get(active, "stopped")
        pid = int(told.get("MainPID", "0")) or None
        return State(
            word,
            f"{active} ({sub})" + (f", pid {pid}" if pid else ""),
            pid,
            told.get("NRestarts", ""),
        )

    def log(self, service: Service, lines: int = 12) -> str:
        words = ["--unit", _unit(service), f"--lines={lines}", "--no-pager", "--output=cat"]
        return run(["journalctl", *words], check=False).stdout

    def read_log(self, service: Service) -> str:
        return f"journalctl --unit {_unit(service)}"


def read_units() -> None:
    """Make systemd read changed units (`systemctl daemon-reload`). Raises CommandFailed."""
    run(["systemctl", "daemon-reload"])


def forget_failed(pattern: str) -> None:
    """Remove failed units whose names match `pattern` from systemd's memory (`systemctl
    reset-failed`)."""
    run(["systemctl", "reset-failed", pattern], check=False)


def _unit(service: Service) -> str:
    """Return the name of a service's unit: the name with the suffix `.service`."""
    return f"{service.name}.service"
