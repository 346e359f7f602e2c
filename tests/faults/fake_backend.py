"""A second backend, for test_fake_backend alone. Its jobs are processes of the hub's own account on
the hub's host.

The hub reads this file from a folder that the test adds to its path. A job waits until the file
`go` is in its folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sitekit.backends.refresh_snapshot import SnapshotLoop
from sitekit.backends.resource_choice import Choice
from sitekit.backends.start_and_job_records import (
    Cause,
    Ending,
    Explanation,
    Job,
    Maintenance,
    NoAnswer,
    Offers,
    Phase,
    Refused,
    Wait,
    Work,
)
from sitekit.contracts.gate_config import hub_variables, session_settings
from sitekit.site import Site

JOB = """until [ -e go ]; do sleep 0.1; done
"$1/bin/python" -I -m sitekit.session.server >log 2>&1
echo $? >exit"""


class Processes(SnapshotLoop):
    """Its jobs are folders: the name is the job's id, and the file `pid` names the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    async def read(self) -> dict[str, Job]:
        if (self.folder / "away").exists():
            raise NoAnswer("the backend is away")
        return {job.id: job for job in map(self._job, self.folder.glob("fake-*/job"))}

    def _job(self, file: Path) -> Job:
        place, told = file.parent, json.loads(file.read_text())
        waits = Phase.RUNNING if (place / "go").exists() else Phase.PENDING
        phase = waits if _lives(told["pid"]) and not (place / "exit").exists() else Phase.ENDED
        return Job(
            place.name,
            told["uid"],
            told["account"],
            phase,
            phase.value,
            "localhost",
            None,
            told["tag"],
        )


class FakeBackend:
    """sitekit.backends.interface.Backend."""

    title = "The second backend"
    spawner = "sitekit.hub.spawner.server_spawner:Server"

    def __init__(self, site: Site, open_work: Any) -> None:
        self.site, self.folder, self.strays = site, site.paths.state / "fake", list[str]()
        self.queue = Processes(self.folder)

    def loops(self) -> dict[str, Any]:
        return {"snapshot": self.queue.run}

    async def offers(self, account: str) -> Offers:
        return Offers()

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        if (self.folder / "full").exists():
            raise Refused("fake", "no more processes")
        place = self.folder / f"fake-{work.tag}"
        place.mkdir(parents=True)
        prefix = environment["JUPYTERHUB_SERVICE_PREFIX"]
        session = {**session_settings(self.site), "root": "~", "links": {}}
        own = {
            "HOME": str(place),
            "USER": work.account,
            "SHELL": "/bin/sh",
            "PATH": "/usr/bin:/bin",
        }
        own |= {
            "SITEKIT_SESSION": json.dumps(session),
            "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:0{prefix}",
        }
        started = subprocess.Popen(  # it outlives the hub
            ["/bin/sh", "-c", JOB, "sh", str(self.site.current.resolve())],
            env={**environment, **hub_variables(self.site), **own},
            cwd=place,
            start_new_session=True,
        )
        told = {"pid": started.pid, "tag": work.tag, "uid": work.uid, "account": work.account}
        (place / "draft").write_text(json.dumps(told))
        (place / "draft").rename(place / "job")
        return place.name

    def find(self, work: Work) -> Job | None:
        return self.queue.snapshot.job_of(work)

    async def look_up(self, work: Work) -> Job | None:
        if not self.queue.healthy or work.intended > self.queue.snapshot.at - 2:
            raise NoAnswer("the last snapshot is too old")
        return self.find(work)

    def is_hidden(self, work: Work) -> bool:
        return False

    def explain_reason(self, job: Job) -> str:
        return "Nobody has said go."

    def wait(self, job: Job) -> Wait:
        return Wait(self.explain_reason(job))

    def expected_start(self, tier: str) -> None:
        return None

    async def free_nodes(self) -> None:
        return None

    def explain_refusal(self, refusal: Refused) -> Explanation:
        return Explanation("full", "The second backend has no more room.", "Try again later.")

    async def address(self, job: Job) -> str:
        return "127.0.0.1"

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        group = json.loads((self.folder / job / "job").read_text())["pid"]
        if _lives(group):
            os.killpg(group, signal.SIGTERM if graceful else signal.SIGKILL)
        return _lives(group)

    async def ending(self, work: Work, job: str) -> Ending:
        code = self.folder / job / "exit"
        number = int(code.read_text()) if code.exists() else 128 + signal.SIGKILL
        cause = Cause.FAILED if number else Cause.COMPLETED
        return Ending(job, cause, exit_code=number % 128, signal=max(0, number - 128))

    async def log_tail(self, work: Work, job: str) -> list[str]:
        return (self.folder / job / "log").read_text().splitlines()[-20:]

    async def list_jobs(self) -> Collection[Job]:
        return (await self.queue.read()).values()

    async def hidden_from(self, account: str) -> None:
        return None

    async def node_names(self) -> Collection[str]:
        return ()

    def maintenance(self) -> Collection[Maintenance]:
        return ()

    def status(self) -> dict[str, object]:
        return {"answers": self.queue.healthy}


def _lives(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
