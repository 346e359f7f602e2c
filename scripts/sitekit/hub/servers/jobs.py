"""Which job is a server's: the one that the last snapshot lists or, where it lists none, the one that Slurm knows by
the ledger's number. Only a job of the server's own user counts."""

from __future__ import annotations

import logging
import time

from ...backends.slurm.command import Silent
from ...backends.slurm.lookup import Lookup
from ...backends.slurm.parse import Job
from ...backends.slurm.privacy import to_see_them
from ...backends.slurm.queue import Queue
from ...site import Site
from .ledger import Ledger, Row

log = logging.getLogger(__name__)

DOUBT = 45.0  # seconds after which a start that has no number, and no job in the queue, never had one


class ServerJobs:
    """The servers' jobs. `unseen` are jobs, by tag, that Slurm took from the gate and does not show to the hub."""

    def __init__(self, site: Site, queue: Queue, ledger: Ledger) -> None:
        self._account, self._queue, self._ledger = site.hub.user, queue, ledger
        self._lookup = Lookup(site, queue)
        self._seen: set[str] = set()  # tags of the servers whose jobs a snapshot of this hub has listed
        self.unseen: dict[str, int] = {}

    def listed(self, row: Row) -> Job | None:
        """The job of a server start in the last snapshot."""
        if job := row.job_in(self._queue.snapshot):
            self._seen.add(row.tag)
            self.unseen.pop(row.tag, None)
        return job

    async def find(self, row: Row) -> Job | None:
        """The job of a server start, asked for by its number if the snapshot does not list it: it may have another name
        now, be hidden from the hub, or be gone. None: gone. Raises Silent where nobody can tell."""
        if job := self.listed(row):
            return job
        if not self._queue.healthy or row.intended > self._queue.snapshot.at - 2:
            raise Silent("the last snapshot is older than the server's job may be")
        if row.job is not None:
            return await self._by_number(row, row.job)
        if time.time() - row.intended > DOUBT:  # the hub died beside sbatch, which may still run and be heard
            return None
        raise Silent("sbatch may still run")

    async def _by_number(self, row: Row, number: int) -> Job | None:
        found = await self._lookup.ask(number)
        known = found.recorded.get(number) if found.listed is None else found.listed.get(number)
        if known:
            return self._checked(row, known)  # Slurm may have given the number out again
        if found.listed is None:
            raise Silent("PrivateData hides jobs from the hub, and the accounting does not know this one")
        recorded = found.recorded.get(number)
        if recorded is None or (told := self._checked(row, recorded)) is None or told.ended:
            return None
        # slurmctld denies what is alive to the accounting: the one has lost it, or does not show it to the hub
        return None if row.tag in self._seen else self._not_shown(row, told)

    @staticmethod
    def _checked(row: Row, job: Job) -> Job | None:
        """The job, if it is the row's user's."""
        if row.owns(job.uid, job.user):
            return job
        if row.uid is None:  # names alone are compared, and Slurm's programs may have none at this moment
            raise Silent(f"whether job {job.id} is {row.user}'s cannot be told")
        return None

    def _not_shown(self, row: Row, job: Job) -> Job:
        if row.tag not in self.unseen:
            what = f"Slurm does not show the hub's account job {job.id} of {row.user}"
            log.error("%s; to the accounting it is %s. Run: %s", what, job.state, to_see_them(self._account))
        self.unseen[row.tag] = job.id
        return job

    def never_seen(self, row: Row) -> bool:
        """Whether Slurm took the job of this start and no snapshot of this hub has listed it."""
        return row.job is not None and self.listed(row) is None and row.tag not in self._seen

    def forget_ended(self) -> None:
        """Keep what is known of live servers only."""
        live = {row.tag for row in self._ledger.open()}
        self._seen &= live
        self.unseen = {tag: job for tag, job in self.unseen.items() if tag in live}

    def waiting_users(self) -> list[str]:
        """The users whose servers wait for room."""
        jobs = [(row, self.listed(row)) for row in self._ledger.open() if not row.abandoned]
        return [row.user for row, job in jobs if job and job.pending]
