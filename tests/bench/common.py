"""What the rows share: the demo, tables, JSON, a sudo rule for the while, and programs run as
somebody."""

from __future__ import annotations

import json
import math
import os
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sitekit.base.run_program import run
from sitekit.site import Site, load_site

CHECKOUT = Path(__file__).resolve().parents[2]
OUTPUT = CHECKOUT / "tests" / "output"
APART = "SITEKIT_BENCH_APART"
"""The environment variable of the bench's own: the process that has its own mount namespace."""
PASSWORDS = Path("/var/lib/sitekit/demo-cluster/passwords.json")
SUDO_RULES = Path("/etc/sudoers.d")


@dataclass(frozen=True)
class Bench:
    """The demo that is measured."""

    site: Site
    passwords: dict[str, str]

    @classmethod
    def of_the_demo(cls) -> Bench:
        """Ends the program when the demo is not up."""
        site = load_site(CHECKOUT / "config" / "sites" / "demo.yml")
        if not PASSWORDS.exists() or not site.current.exists():
            sys.exit("The demo is not up. Run: make demo")
        return cls(site, json.loads(PASSWORDS.read_text()))

    @property
    def python(self) -> Path:
        """The release's Python, which has JupyterHub, upstream's spawners and sitekit."""
        return self.site.current / "bin" / "python"

    def slurm(self, *words: str, timeout: float = 120) -> str:
        """One of Slurm's programs, as root; its output."""
        environment = {
            "PATH": "/usr/bin:/bin",
            "SLURM_CONF": str(self.site.slurm.conf),
            "SLURM_TIME_FORMAT": "%s",
        }
        return run(
            [self.site.slurm.bin / words[0], *words[1:]], env=environment, timeout=timeout
        ).stdout.strip()

    def hub(self) -> psutil.Process:
        """The demo's own hub."""
        config = str(self.site.etc / "jupyterhub_config.py")
        return next(
            p
            for p in psutil.process_iter()
            if config in _words_of(p) and p.ppid() != 0 and _is_hub(p)
        )


def _words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_hub(process: psutil.Process) -> bool:
    return any(word.endswith("/bin/jupyterhub") for word in _words_of(process)[:2])


def memory(process: psutil.Process) -> int:
    """Resident memory of the process without its children, in MiB."""
    return round(process.memory_info().rss / 1024**2)


def table(title: str, rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> None:
    """Print rows of the same keys, figures to the right."""
    heads = list(rows[0])
    cells = [[_shown(row[head]) for head in heads] for row in rows]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    print(f"\n{title}")
    for line in [heads, ["-" * width for width in widths], *cells]:
        print(
            "  "
            + "  ".join(
                _aligned(word, width) for word, width in zip(line, widths, strict=True)
            ).rstrip()
        )
    for note in notes:
        print(f"  {note}")
    sys.stdout.flush()


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _aligned(word: str, width: int) -> str:
    return word.rjust(width) if word[:1].isdigit() else word.ljust(width)


def growth(rows: Sequence[Mapping[str, Any]], figure: str, of: str = "servers") -> float:
    """The exponent with which a figure grows with another: the slope of the logarithms, by least
    squares."""
    sizes = [math.log(row[of]) for row in rows]
    figures = [math.log(max(row[figure], 1e-4)) for row in rows]
    return statistics.linear_regression(sizes, figures).slope


MEASURED: dict[str, Any] = {}
"""What this run has measured: row -> figures."""


def keep(row: str, **told: Any) -> Path:
    """Write what was measured to tests/output/: one file per run of a row, and one with all rows of
    the last run."""
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"bench-{row}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    machine = {
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "at": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    MEASURED[row] = {"row": row, "machine": machine, **told}
    path.write_text(json.dumps(MEASURED[row], indent=1) + "\n")
    (OUTPUT / "bench.json").write_text(json.dumps(MEASURED, indent=1) + "\n")
    print(f"  {path.relative_to(CHECKOUT)}")
    return path


def apart() -> None:
    """Start this program again in a mount namespace of its own: what it mounts there nobody else
    sees, and it goes with the last process, also when that is killed."""
    if os.environ.pop(APART, "") != f"{os.getpid()}":
        os.environ[APART] = f"{os.getpid()}"  # unshare and the program keep this number
        argv = ["unshare", "--mount", "--propagation", "private", "--"]
        argv += [sys.executable, *sys.orig_argv[1:]]
        os.execv("/usr/bin/unshare", argv)  # noqa: S606  (in the place of this one, so that signals reach it)


@contextmanager
def sudo_rule(*lines: str) -> Iterator[None]:
    """A rule of sudo's for the programs that the block starts, and for no others: it lies in a
    folder that is mounted over sudo's, with the rules of that, in this namespace alone (see apart).
    """
    files = {path.name: path.read_bytes() for path in SUDO_RULES.iterdir() if path.is_file()}
    rule = "# For the time of `make bench` only.\n" + "".join(f"{line}\n" for line in lines)
    run(["/usr/bin/mount", "-t", "tmpfs", "-o", "mode=0750", "sitekit-bench", SUDO_RULES])
    try:
        for name, text in {**files, "sitekit-bench": rule.encode()}.items():
            (SUDO_RULES / name).write_bytes(text)
            (SUDO_RULES / name).chmod(0o440)
        run(["/usr/sbin/visudo", "-c", "-f", SUDO_RULES / "sitekit-bench"])
        yield
    finally:
        run(["/usr/bin/umount", "--lazy", SUDO_RULES])


@contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """A process that leads a session of its own, ended with its group after the block."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def secret() -> str:
    return secrets.token_hex(16)
