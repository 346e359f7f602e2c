"""The row `ssh`: a query and a request to the gate through a login node, against the same on this
host."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from ..faults.machine import Machine
from ..sites.cluster import group, large_nodes
from ..sites.network import NAMESPACE, network
from ..sites.outside import brought_up
from .common import Bench, keep, table

PROGRAM = Path(__file__).with_name("ssh_requests.py")
NAMES = {
    "query": "a query",
    "query, not shared": "a query, with a connection of its own",
    "test of a job": "the gate as a user (sbatch --test-only)",
}


def measure(bench: Bench, times: int) -> None:
    """`times` requests of each kind, on this host and through SSH; print and keep the medians."""
    folder = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-bench-"))
    folder.chmod(0o755)
    program = Path(shutil.copy(PROGRAM, folder))  # the hub's account cannot read the checkout
    accounts = folder / "accounts"
    accounts.write_text("alice@uni.example.org alice\n")
    try:
        with (
            large_nodes(Machine(bench.site)),
            network(),
            group("cluster-users", "alice"),
            brought_up("comet-xsede", folder, login__accounts={"file": str(accounts)}) as outside,
        ):
            hub = outside.site.hub.user
            local = _asked(bench, program, bench.site.etc / "site.yml", times, hub)
            enter = ("nsenter", f"--net=/run/netns/{NAMESPACE}")
            far = _asked(bench, program, outside.file, times, hub, *enter)
    finally:
        shutil.rmtree(folder)
    rows = [
        {
            "request": NAMES[kind],
            "here (ms)": _middle(local.get(kind)),
            "SSH (ms)": _middle(taken),
            "added (ms)": _added(local, kind, taken),
        }
        for kind, taken in far.items()
    ]
    notes = [
        "here: the hub beside the cluster, with sudo for the gate. The network adds nothing here."
    ]
    table(f"ssh: medians of {times} requests", rows, notes)
    keep("ssh", rows=rows, local=local, far=far, notes=notes)


def _asked(
    bench: Bench, program: Path, site: Path, times: int, user: str, *enter: str
) -> dict[str, list[float]]:
    """What the program prints, as the hub's account."""
    as_hub = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
    argv = [*enter, *as_hub, str(bench.python), "-I", str(program), str(site), "alice", str(times)]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _middle(taken: list[float] | None) -> float | None:
    return round(1000 * statistics.median(taken), 1) if taken else None


def _added(local: dict[str, list[float]], kind: str, taken: list[float]) -> float:
    here = local.get(kind, local["query"])
    return round(1000 * (statistics.median(taken) - statistics.median(here)), 1)
