"""What the metrics count, in the hub's Python: starts by phase, failures, culls and orphans."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

COUNTED = """
import json, sys, time
sys.path.insert(0, {scripts!r})
from pathlib import Path
from types import SimpleNamespace
from prometheus_client import REGISTRY
from sitekit.backends.slurm.parse_jobs import SlurmJob, phase_of
from sitekit.hub.servers.ledger import Ledger
from sitekit.hub.status import observe_starts_and_ends
from sitekit.hub.status.collector import Collector

ledger = Ledger({ledger!r})
jobs = {{}}
queue = SimpleNamespace(healthy=True, answer_seconds=0.25, queries=3, age=None)
slurm = SimpleNamespace(queue=queue, strays=["17"], explain_reason=lambda job: "")
tier = SimpleNamespace(key="small")
site = SimpleNamespace(tiers=[tier], paths=SimpleNamespace(state=Path("/")))
hub_state = SimpleNamespace(ledger=ledger, site=site, backends={{"slurm": slurm}},
    job_of=lambda row: jobs.get(row.tag), backend_of=lambda row: slurm)

def start(user, number):
    choice = {{"tier": "small", "memory": 100, "cap": 200}}
    tag = ledger.record_intent(user, "", user, choice)
    ledger.record_job(tag, number)
    return tag

def running(tag, number):
    jobs[tag] = SlurmJob(number, 1001, "alice", phase_of("RUNNING"), "RUNNING", "n1",
        int(time.time()), tag, "batch", None, 1, "None")

since = time.time() - 1
ready = start("alice", "1")
running(ready, "1")
ledger.record_port(ready, 20001)
ledger.record_memory(ready, 50)
observe_starts_and_ends.look(hub_state, since)      # the job has begun, and the server is not ready yet
ledger.record_ready(ready)
for kind, listens in (("memory", True), ("idle", True), ("stopped", True), ("time", True),
                      ("time", False), ("patience", False)):
    tag = start("bob", "2")
    if listens:
        ledger.record_port(tag, 20002)
    ledger.end(tag, {{"kind": kind}})
broken = start("carol", "3")  # a row that cannot be observed keeps out no other one
ledger._db.execute("UPDATE measures SET submitted = 'x' WHERE tag = ?", (broken,))
ledger.record_port(broken, 20003)
ledger.record_ready(broken)
observe_starts_and_ends.look(hub_state, since)
observe_starts_and_ends.look(hub_state, time.time(), time.time())
ledger.end(broken)
REGISTRY.register(Collector(hub_state))
names = ("sitekit_start_phase_seconds_count", "sitekit_queue_wait_seconds_count",
         "sitekit_server_failures_total", "sitekit_servers_culled_total", "sitekit_servers",
         "sitekit_memory_used_bytes", "sitekit_memory_cap_bytes", "sitekit_stray_jobs",
         "sitekit_backend_answers", "sitekit_backend_answer_seconds", "sitekit_backend_queries_total")
found, labels = {{}}, set()
for metric in REGISTRY.collect():
    for sample in metric.samples:
        if metric.name.startswith("sitekit"):
            labels |= {{*sample.labels.values()}}
        if sample.name in names and sample.value:
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
print(json.dumps([found, sorted(labels)]))
"""


CERTIFICATES = """
import asyncio, json, sys
sys.path.insert(0, {scripts!r})
from types import SimpleNamespace
from sitekit.hub.status import certificates

async def refused(site):
    raise ConnectionRefusedError

async def shown(site):
    return b"front"

async def read(path):
    return b"internal"

certificates.expiry = lambda der: {{b"front": 2e9, b"internal": 3e9}}[der]
certificates._first, certificates.shown_by_front = read, refused
certificates.folder = lambda site: __import__("pathlib").Path("/")
site = SimpleNamespace(internal_tls=True)
first = asyncio.run(certificates.read_expiries(site)), dict(certificates._expiries)
certificates.shown_by_front = shown
second = asyncio.run(certificates.read_expiries(site)), dict(certificates._expiries)
print(json.dumps([first, second]))
"""


def run_in_hub(program: str) -> Any:
    argv = [kernel_site.release() / "bin/python", "-B", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_certificate_that_cannot_be_read_keeps_out_no_other_one() -> None:
    scripts = str(Path(__file__).parents[3] / "scripts")
    first, second = run_in_hub(CERTIFICATES.format(scripts=scripts))
    assert first == [False, {"internal": 3e9}]
    assert second == [True, {"front": 2e9, "internal": 3e9}]


def test_starts_failures_and_culls_are_counted_once(tmp_path: Path) -> None:
    scripts = str(Path(__file__).parents[3] / "scripts")
    program = COUNTED.format(scripts=scripts, ledger=str(tmp_path / "ledger.sqlite"))
    found, labels = run_in_hub(program)
    phases = ("submit", "queue", "boot", "ready")
    assert found == {
        **{f"sitekit_start_phase_seconds_count {phase}": 1 for phase in phases},
        "sitekit_queue_wait_seconds_count small": 1,
        "sitekit_server_failures_total memory": 1,
        "sitekit_server_failures_total time": 1,
        "sitekit_server_failures_total patience": 1,
        "sitekit_servers_culled_total small": 1,
        "sitekit_servers small running": 1,
        "sitekit_memory_used_bytes small": 50 * 2**20,
        "sitekit_memory_cap_bytes small": 200 * 2**20,
        "sitekit_stray_jobs slurm": 1,
        "sitekit_backend_answers slurm": 1,
        "sitekit_backend_answer_seconds slurm": 0.25,
        "sitekit_backend_queries_total slurm": 3,
    }
    assert not {"alice", "bob"} & set(labels)
