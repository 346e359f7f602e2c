"""Record starts and ends of servers in a ledger; print the samples and labels of sitekit's metrics.

The arguments are the folder of sitekit's package and the path of a new ledger.
"""

import json
import sys
import time

sys.path.insert(0, sys.argv[1])
from pathlib import Path
from types import SimpleNamespace

from prometheus_client import REGISTRY

from sitekit.backends.slurm.parse_jobs import SlurmJob, phase_of
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.status import observe_starts_and_ends
from sitekit.hub.status.metrics_collector import Collector

ledger = Ledger(sys.argv[2])
jobs = {}
queue = SimpleNamespace(healthy=True, answer_seconds=0.25, queries=3, age=None)
slurm = SimpleNamespace(queue=queue, strays=["17"], explain_reason=lambda job: "")
tier = SimpleNamespace(key="small")
site = SimpleNamespace(tiers=[tier], paths=SimpleNamespace(state=Path("/")))
hub_state = SimpleNamespace(
    ledger=ledger,
    site=site,
    backends={"slurm": slurm},
    job_of=lambda row: jobs.get(row.tag),
    backend_of=lambda row: slurm,
)


def start(user, number):
    choice = {"tier": "small", "memory": 100, "cap": 200}
    tag = ledger.record_intent(user, "", user, choice)
    ledger.record_job(tag, number)
    return tag


def running(tag, number):
    jobs[tag] = SlurmJob(
        number,
        1001,
        "alice",
        phase_of("RUNNING"),
        "RUNNING",
        "n1",
        int(time.time()),
        tag,
        "batch",
        None,
        1,
        "None",
    )


since = time.time() - 1
ready = start("alice", "1")
running(ready, "1")
ledger.record_port(ready, 20001)
ledger.record_memory(ready, 50)
observe_starts_and_ends.observe_since(
    hub_state, since
)  # the job has begun, and the server is not ready yet
ledger.record_ready(ready)
for kind, listens in (
    ("memory", True),
    ("idle", True),
    ("stopped", True),
    ("time", True),
    ("time", False),
    ("patience", False),
):
    tag = start("bob", "2")
    if listens:
        ledger.record_port(tag, 20002)
    ledger.end(tag, {"kind": kind})
broken = start("carol", "3")  # a row that cannot be observed keeps out no other one
ledger._db.execute("UPDATE measures SET submitted = 'x' WHERE tag = ?", (broken,))
ledger.record_port(broken, 20003)
ledger.record_ready(broken)
observe_starts_and_ends.observe_since(hub_state, since)
observe_starts_and_ends.observe_since(hub_state, time.time(), time.time())
ledger.end(broken)
REGISTRY.register(Collector(hub_state))
names = (
    "sitekit_start_phase_seconds_count",
    "sitekit_queue_wait_seconds_count",
    "sitekit_server_failures_total",
    "sitekit_servers_culled_total",
    "sitekit_servers",
    "sitekit_memory_used_bytes",
    "sitekit_memory_cap_bytes",
    "sitekit_stray_jobs",
    "sitekit_backend_answers",
    "sitekit_backend_answer_seconds",
    "sitekit_backend_queries_total",
)
found, labels = {}, set()
for metric in REGISTRY.collect():
    for sample in metric.samples:
        if metric.name.startswith("sitekit"):
            labels |= {*sample.labels.values()}
        if sample.name in names and sample.value:
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
print(json.dumps([found, sorted(labels)]))
