"""The row `ssh`: the time of a query of Slurm, and of the submission of a job, in milliseconds. The row
compares a hub that uses a login node by SSH with a hub on the cluster.
"""

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
    "query": "a query, by the shared connection",
    "query, not shared": "a query, by a connection of its own",
    "submit": "a submission, by a connection of its own",
    "submit, shared": "a submission, by a shared connection",
}


def measure(bench: Bench, times: int) -> None:
    """Make `times` requests of each kind, on this host and through SSH; print and keep their times."""
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
    rows = [_row(local[kind.partition(",")[0]], NAMES[kind], taken) for kind, taken in far.items()]
    notes = [
        "here: a hub on the cluster, which runs the gate with sudo. SSH: the times contain no delay of a "
        "network, because hub and login node are on one machine.",
        "In normal operation, all queries share one SSH connection, and each submission opens a new connection.",
    ]
    table(f"ssh: {times} requests of each kind", rows, notes)
    keep("ssh", rows=rows, local=local, far=far, notes=notes)


def _row(here: list[float], name: str, there: list[float]) -> dict[str, object]:
    """Medians and 95th percentiles of one kind of request, and the ratio of the medians."""
    return {
        "request": name,
        "here (ms)": _middle(here),
        "p95": _high(here),
        "SSH (ms)": _middle(there),
        "p95 ": _high(there),
        "ratio": round(statistics.median(there) / statistics.median(here), 2),
    }


def _asked(
    bench: Bench, program: Path, site: Path, times: int, user: str, *enter: str
) -> dict[str, list[float]]:
    """What the program prints, as the hub's account."""
    as_hub = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
    argv = [*enter, *as_hub, str(bench.python), "-I", str(program), str(site), "alice", str(times)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{program.name} failed for {site}; its message is above")
    return json.loads(done.stdout)


def _middle(taken: list[float]) -> float:
    return round(1000 * statistics.median(taken), 1)


def _high(taken: list[float]) -> float:
    return round(1000 * statistics.quantiles(taken, n=20, method="inclusive")[-1], 1)
