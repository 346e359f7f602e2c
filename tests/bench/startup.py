"""The row `startup`: the CPU time and the file operations that a user's server needs until the server
listens.

The row compares three programs of the same release: sitekit's server (ours), the server
`jupyterhub-singleuser` with default settings (stock), and Jupyter Server alone (alone).
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from sitekit.contracts.fake_hub_for_trials import trial_environment, trial_hub
from sitekit.contracts.gate_config import session_settings

from ..packages import install
from .common import Bench, ended, free_ports, keep, table

GOALS = {"CPU": 0.3, "prefix": 1 / 3}
"""At most this part of the stock server's CPU time, and of its operations on the prefix."""
OURS = (
    "jupyter_server_config.json",
    "jupyter_config.json",
    "jupyter_server_config.d/zz-sitekit.json",
)
"""The settings of the release that the stock server must not have."""
LISTENS = "is running at"  # in the log of Jupyter Server
LONGEST = 300.0  # seconds until a start is given up; under strace it takes ten times as long
OPERATION = re.compile(r"\d+ +(\w+)\(")
KINDS = ("ours", "stock", "alone")


def measure(bench: Bench, times: int) -> None:
    """`times` starts of each kind, in turn; print and keep CPU seconds and counted operations."""
    install("strace")
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="sitekit-bench-startup-") as folder:
        start = Start(bench, Path(folder))
        for turn in range(times + 1):  # the first turn warms the caches and is not counted
            for kind in KINDS:
                seconds = start.cpu(kind)
                if turn:
                    taken[kind].append(seconds)
        counted = {kind: start.operations(kind) for kind in KINDS}
    rows = [_row(kind, taken, counted) for kind in KINDS]
    ours = rows[0]
    cpu, prefix = ours["CPU / stock"], counted["ours"]["prefix"] / counted["stock"]["prefix"]
    notes = [
        f"CPU: ours needs {cpu:.2f} of stock's time "
        f"(goal {GOALS['CPU']}, {'met' if cpu <= GOALS['CPU'] else 'MISSED'}).",
        f"operations on the prefix: ours needs {prefix:.2f} of stock's operations "
        f"(goal 0.33, {'met' if prefix <= GOALS['prefix'] else 'MISSED'}).",
        "CPU: seconds of the server and its child processes, in user and system mode, until the server listens.",
        "operations: system calls with a path or a file descriptor, until the server listens (counted by "
        "strace). on the prefix: the operations that name a file of the release.",
        "stock: jupyterhub-singleuser of the same release, with the packages' own settings.",
        "alone: Jupyter Server of the same release, without a hub, JupyterLab or other extensions.",
    ]
    table(f"startup: a server until it listens, {times} starts of each in turn", rows, notes)
    keep("startup", rows=rows, taken=taken, counted=counted, notes=notes)


def _row(
    kind: str, taken: dict[str, list[float]], counted: dict[str, dict[str, int]]
) -> dict[str, Any]:
    middle = statistics.median(taken[kind])
    return {
        "start": kind,
        "CPU s, median": round(middle, 2),
        "p95": round(sorted(taken[kind])[int(0.95 * (len(taken[kind]) - 1) + 0.5)], 2),
        "CPU / stock": round(middle / statistics.median(taken["stock"]), 2),
        "operations": counted[kind]["all"],
        "on the prefix": counted[kind]["prefix"],
        "programs": counted[kind]["programs"],
    }


class Start:
    """Starts of each kind, with a minimal hub and the release's files."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._prefix, self._folder = bench.site.current.resolve(), folder
        self._settings = {**session_settings(bench.site), "root": "~", "links": {}}
        etc = self._prefix / "etc/jupyter"
        shutil.copytree(etc, folder / "etc-stock")
        for name in OURS:
            (folder / "etc-stock" / name).unlink(missing_ok=True)
        (folder / "etc-alone").mkdir()
        (folder / "config").mkdir()
        allowed = json.dumps({"ServerApp": {"allow_root": True}})
        (folder / "config/jupyter_server_config.json").write_text(allowed)

    def cpu(self, kind: str) -> float:
        """CPU seconds of one start."""
        with self.started(kind, []) as process:
            times = psutil.Process(process.pid).cpu_times()
            return times.user + times.system + times.children_user + times.children_system

    def operations(self, kind: str) -> dict[str, int]:
        """The operations of one start: all, those on the prefix, and the programs that were run."""
        trace = self._folder / f"trace-{kind}"
        words = ["strace", "-f", "-qq", "-y", "-s", "200", "-e", "trace=%file,%desc", "-o", trace]
        with self.started(kind, words):
            lines = trace.read_text(errors="replace").splitlines()
        counts: Counter[str] = Counter()
        for line in lines:
            if LISTENS in line:
                break
            if found := OPERATION.match(line):
                counts["all"] += 1
                counts["prefix"] += str(self._prefix) in line
                counts["programs"] += found[1] == "execve" and "ENOENT" not in line
        return {name: counts[name] for name in ("all", "prefix", "programs")}

    @contextmanager
    def started(self, kind: str, before: list[Any]) -> Iterator[subprocess.Popen[bytes]]:
        """A server of this kind that listens; `before` are the words before its command line."""
        home = Path(tempfile.mkdtemp(dir=self._folder))
        with trial_hub() as (hub, _), (home / "log").open("w") as log:
            argv = [*before, *self.argv(kind)]
            if kind in ("stock", "alone"):  # in a mount namespace of its own, with other settings
                mount = (
                    f'mount --bind {self._folder}/etc-{kind} {self._prefix}/etc/jupyter; exec "$@"'
                )
                argv = ["unshare", "--mount", "sh", "-c", mount, "sh", *argv]
            process = subprocess.Popen(
                argv,
                env=self._environment(kind, hub, home),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            with ended(process):
                deadline = time.monotonic() + LONGEST
                while LISTENS not in (text := (home / "log").read_text()):
                    assert process.poll() is None and time.monotonic() < deadline, text[-3000:]
                    time.sleep(0.01)
                yield process

    def argv(self, kind: str) -> list[Any]:
        python = self._prefix / "bin/python"
        if kind == "ours":
            return [python, "-I", "-m", "sitekit.session.server"]
        if kind in ("image", "cache"):
            script = self._prefix / "share/sitekit/start-server"
            return ["/bin/sh", script, kind, self._folder / "node", self._prefix]
        if kind == "stock":
            return [python, self._prefix / "bin/jupyterhub-singleuser"]
        alone = "from jupyter_server.serverapp import main; main()"
        [port] = free_ports(1)
        return [python, "-I", "-c", alone, "--no-browser", f"--port={port}"]

    def _environment(self, kind: str, hub: int, home: Path) -> dict[str, str]:
        [port] = free_ports(1)
        environment = {
            **trial_environment(hub, str(home), self._settings),
            "PATH": f"{self._prefix}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(home),
            "JUPYTER_CONFIG_PATH": str(self._folder / "config"),
        }
        if kind not in ("stock", "alone"):
            return {**environment, "PATH": "/usr/local/bin:/usr/bin:/bin"}  # as the gate sets it
        environment["JUPYTERHUB_SERVICE_URL"] = f"http://127.0.0.1:{port}/user/u/"
        return {name: value for name, value in environment.items() if name != "SITEKIT_SESSION"}
