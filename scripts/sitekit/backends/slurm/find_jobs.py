"""Find the Slurm job of a server.

A server's job is searched in the last list of all jobs. If this list does not contain the job, the
job is searched by the job number in the ledger. A job that the server's account does not own is
ignored.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from ...site import Site
from ..start_and_job_records import Job, NoAnswer, Work
from .look_up_jobs_by_number import Lookup
from .private_data import to_see_them
from .read_queue import Queue

log = logging.getLogger(__name__)

FORGET_INTERVAL = 30.0  # seconds between two deletions of data about ended servers

# If a start has no job number, and the queue has no job of the start, the start counts as never
# submitted after this number of seconds.
NEVER_SUBMITTED = 45.0

OpenWork = Callable[[], Iterable[Work]]
"""A function that returns the servers on this backend whose jobs may exist."""


class ServerJobs:
    """Find the Slurm jobs of the site's servers.

    `unseen` maps a server's tag (the id of its start) to a job that Slurm has accepted, but that
    Slurm does not list to the hub.
    """

    def __init__(self, site: Site, queue: Queue, open_work: OpenWork) -> None:
        self.queue, self._hub_user, self._open_work = queue, site.hub.user, open_work
        self._lookup = Lookup(site, queue)
        # tags of the servers whose jobs were in a snapshot (a list of all jobs) since this hub
        # started
        self._seen: set[str] = set()
        self.unseen: dict[str, str] = {}

    def find(self, work: Work) -> Job | None:
        """Return the job from the last list of all jobs, without a query."""
        if job := self.queue.snapshot.job_of(work):
            self._seen.add(work.tag)
            self.unseen.pop(work.tag, None)
        return job

    async def look_up(self, work: Work) -> Job | None:
        """Return the job of a server. If the last list of jobs does not contain the job, Slurm is
        queried for the job's number.

        The last list of jobs does not contain a job whose name was changed, or a job that Slurm
        hides from the hub. Returns None if the job has certainly ended. Raises NoAnswer.
        """
        if job := self.find(work):
            return job
        if not self.queue.healthy or work.intended > self.queue.snapshot.at - 2:
            raise NoAnswer("the last snapshot is older than the server's job may be")
        if work.job is not None:
            return await self._by_number(work, work.job)
        if time.time() - work.intended > NEVER_SUBMITTED:
            return None
        # an earlier hub may have ended before sbatch returned the job's number
        raise NoAnswer("sbatch may still run")

    async def _by_number(self, work: Work, number: str) -> Job | None:
        """Return the job with this number, from slurmctld or the accounting. Raises NoAnswer."""
        found = await self._lookup.ask(number)
        known = found.recorded.get(number) if found.listed is None else found.listed.get(number)
        if known:
            return self._owned(work, known)  # Slurm may have reused the number
        if found.listed is None:
            raise NoAnswer(
                "PrivateData hides jobs from the hub, and the accounting does not know this one"
            )
        recorded = found.recorded.get(number)
        job = self._owned(work, recorded) if recorded else None
        if job is None or job.ended:
            return None
        # By the accounting, the job has not ended, but slurmctld does not list the job. Either
        # slurmctld has lost the job, or slurmctld does not show the job to the hub.
        return None if work.tag in self._seen else self._not_shown(work, job)

    @staticmethod
    def _owned(work: Work, job: Job) -> Job | None:
        """Return the job if the server's account owns it, otherwise None. Raises NoAnswer if the
        owner cannot be determined."""
        if work.owns(job.uid, job.user):
            return job
        # If one of the uids is unknown, user names are compared. Slurm's programs print no names
        # while a name service is down.
        if work.uid is None:
            raise NoAnswer(f"whether job {job.id} is {work.account}'s cannot be told")
        return None

    def _not_shown(self, work: Work, job: Job) -> Job:
        """Record and log that Slurm has accepted this job, but does not list it to the hub."""
        if work.tag not in self.unseen:
            what = f"Slurm does not show the hub's account job {job.id} of {work.account}"
            log.error(
                "%s; to the accounting it is %s. Run: %s",
                what,
                job.state,
                to_see_them(self._hub_user),
            )
        self.unseen[work.tag] = job.id
        return job

    def is_hidden(self, work: Work) -> bool:
        """Return whether Slurm accepted the job, but no list of jobs that this hub has read
        contains the job."""
        return work.job is not None and self.find(work) is None and work.tag not in self._seen

    def waiting(self) -> list[Work]:
        """Return the starts whose jobs are pending in the queue."""
        jobs = [(work, self.find(work)) for work in self._open_work()]
        return [work for work, job in jobs if job and job.pending]

    async def forget_ended(self) -> None:
        """Every FORGET_INTERVAL, delete the stored data about servers that have ended.

        The snapshot loop does not call this method, because reading the ledger may fail, and all
        servers depend on the snapshot loop.
        """
        while True:
            live = {work.tag for work in self._open_work()}
            self._seen &= live
            self.unseen = {tag: job for tag, job in self.unseen.items() if tag in live}
            await asyncio.sleep(FORGET_INTERVAL)
