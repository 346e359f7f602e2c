"""Print which servers have ended by a list of jobs, and for which servers the ledger was read.

The argument is the folder of sitekit's package.
"""

import json
import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])
from sitekit.backends.refresh_snapshot import Snapshot
from sitekit.backends.start_and_job_records import Job, Phase
from sitekit.hub.spawner import watch_endings

reads = []


def job(number, tag, phase):
    fields = {"uid": 1001, "user": "alice", "state": phase.name, "host": "n1", "start": 1}
    return Job(id=number, tag=tag, phase=phase, **fields)


jobs = [
    job("1", "tag of 1", Phase.RUNNING),
    job("2", None, Phase.ENDED),  # the accounting stores no tags
    job("3", "tag of 3", Phase.ENDED),
    job("4", "tag of 4", Phase.ENDED),
    job("5", "tag of 5", Phase.ENDED),
]
snapshot = Snapshot({one.id: one for one in jobs}, 0)
backend = SimpleNamespace(queue=SimpleNamespace(snapshot=snapshot))


def server(number, job_id, *, ready=True, ending_since=0.0):
    def current_job():
        reads.append(number)
        return snapshot.jobs[number]

    child = SimpleNamespace(
        tag=f"tag of {number}", job_id=job_id, current_job=current_job, backend=backend
    )
    child.ending_since = ending_since
    return SimpleNamespace(number=number, ready=ready, child_spawner=child, _stop_pending=False)


servers = [
    server("1", "1"),
    server("2", "2"),
    server("3", ""),  # an earlier hub never received the job's id
    server("4", "4", ready=False),  # it starts, or it is being stopped
    server("5", "5", ready=False, ending_since=1.0),
    SimpleNamespace(child_spawner=None),
]
watch_endings.spawners = lambda: servers
ended = [spawner.number for spawner in watch_endings.ended_servers(backend)]
print(json.dumps({"ended": ended, "read": reads}))
