"""Break the demo by a fault of the farm, ask the doctor, and undo the fault."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sitekit.demo.cluster.paths_and_ports import NODES
from sitekit.site import Site

from ..faults.machine import Machine

FARM = Path(__file__).parent
CHECKOUT = FARM.parents[1]
KIT = CHECKOUT / ".kit/bin/python"
SLOW = re.compile(
    r"did not (end|answer) within|does not answer|no answer|longer than \d|took \d+\.\d s"
)
"""What the doctor says of a program that has reached a time limit, or of a slow directory."""


class Farm:
    """The demo, and a folder for what a fault has changed."""

    def __init__(self, site: Site, scratch: Path) -> None:
        self.site, self.kept = site, scratch / "kept"
        self.machine = Machine(site)
        self.file = scratch / "site.yml"
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "KEPT": str(self.kept),
            "SITE": str(self.file),
            "ETC": str(site.etc),
            "STATE": str(site.paths.state),
            "PREFIX": str(site.paths.prefix),
            "LIBEXEC": str(site.libexec),
            "LOG": str(site.log),
            "BACKUPS": str(site.backups),
            "FRONT_STATE": str(site.front_state),
            "UNIT": site.service("").rstrip("-"),
            "SLURM_CONF": str(site.slurm.conf),
            "PYTHON": str(KIT),
            "RELEASE_PYTHON": str(site.current.resolve() / "bin/python"),
            "TOOLS": str(FARM / "programs"),
            "PYTHONPATH": str(CHECKOUT / "scripts"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def doctor(self, *words: str) -> dict[str, Any]:
        """Return what `make doctor JSON=1` prints."""
        done = self.kit("doctor", "JSON=1", "SECONDS=600", *words)
        assert done.returncode in (0, 1, 3), done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        codes = {"error": 1, "warning": 3}
        assert done.returncode == codes.get(told["severity"], 0)
        return told

    def kit(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of sitekit for the site file that the fault may have changed."""
        argv = [KIT, "-m", "sitekit", *words]
        return subprocess.run(
            argv, env=self.environment, cwd="/", capture_output=True, text=True, timeout=700
        )

    @contextmanager
    def broken(self, fault: Path) -> Iterator[None]:
        """Break the demo while the block runs."""
        shutil.rmtree(self.kept, ignore_errors=True)
        (self.kept / "files").mkdir(parents=True)
        shutil.copyfile(self.site.etc / "site.yml", self.file)
        try:
            self._run(fault / "break.sh")
            yield
        finally:
            if (fault / "mend.sh").exists():
                self._run(fault / "mend.sh")
            self._undo()

    def _run(self, script: Path) -> None:
        """Run a script of a fault, with the functions of tools.sh."""
        text = f". {FARM}/tools.sh\n. {script}\n"
        done = subprocess.run(
            ["/bin/bash", "-c", text],
            env=self.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"

    def _undo(self) -> None:
        """Put back what the functions of tools.sh have changed, and wait until services answer."""
        for pid in self._lines("pids"):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for path in self._lines("fresh"):
            place = Path(path)
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        for path in self._lines("away"):
            os.rename(f"{path}.away", path)
        for kind, program in (("modes", "chmod"), ("owners", "chown")):
            for line in reversed(self._lines(kind)):
                value, path = line.split(" ", 1)
                subprocess.run([program, *(["-h"] if program == "chown" else []), value, path])
        subprocess.run(
            ["cp", "-a", "--remove-destination", f"{self.kept}/files/.", "/"], check=True
        )
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        for name in self._lines("stopped"):
            self.start(name)
        if (self.kept / "reconfigure").exists():
            self._run_text("reconfigure")

    def start(self, name: str) -> None:
        """Start a service of the demo, and wait until it answers, and until Slurm's nodes do."""
        subprocess.run(["systemctl", "reset-failed", f"{self.environment['UNIT']}-{name}"])
        self.machine.start(name)
        if name.startswith(("slurm", "munge")):
            self.machine.start("slurmctld", *(f"slurmd-{node}" for node in NODES))

    def _run_text(self, text: str) -> None:
        subprocess.run(
            ["/bin/bash", "-c", f". {FARM}/tools.sh\n{text}"], env=self.environment, check=True
        )

    def _lines(self, name: str) -> list[str]:
        """Return the lines that a function of tools.sh has written."""
        path = self.kept / name
        return path.read_text().splitlines() if path.exists() else []


def unhurried(
    doctor: Callable[[], dict[str, Any]], expected: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Return what the doctor finds on a machine that has time for its programs.

    The doctor has time limits of its own, which a busy machine can reach without any other fault.
    If the doctor says so, and does not find what is expected, it is run again, at most twice.
    """
    for _ in range(2):
        told = doctor()
        if expected(told) or not SLOW.search(described(told)):
            return told
    return doctor()


def faults_in(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the causes, without notes."""
    return [cause for cause in told["causes"] if cause["severity"] != "note"]


def described(told: dict[str, Any]) -> str:
    """Return the causes as text, for a test that fails."""
    lines = []
    for cause in told["causes"]:
        lines += [f"{cause['id']}: {one['severity']}: {one['what']}" for one in cause["findings"]]
        lines += [f"    {one['id']}" for one in cause["consequences"]]
    return "\n".join(lines)
