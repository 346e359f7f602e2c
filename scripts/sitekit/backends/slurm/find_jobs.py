"""Which of Slurm's jobs is a server's: the one in the last snapshot or, where it is not there, the
one with the number in the ledger. Only a job of the server's own account counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from ...site import Site
from ..interface import Job, NoAnswer, Work
from .lookup import Lookup
from .privacy import to_see_them
from .queue import Queue

log = logging.getLogger(__name__)

# seconds after which a start that has no number, and no job in the queue, never had one
NEVER_SUBMITTED = 45.0

OpenWork = Callable[[], Iterable[Work]]
"""Returns the servers on this backend whose jobs may exist."""


class ServerJobs:
    """The jobs of the site's servers.

    `unseen` are jobs, by the server's tag, that Slurm has taken and does not show to the hub.
    """

    def __init__(self, site: Site, queue: Queue, open_work: OpenWork) -> None:
        self.queue, self._hub_user, self._open_work = queue, site.hub.user, open_work
        self._lookup = Lookup(site, queue)
        # tags of the servers whose jobs a snapshot of this hub has listed
        self._seen: set[str] = set()
        self.unseen: dict[str, str] = {}
        queue.listen(lambda _: self._forget_ended())

    def find(self, work: Work) -> Job | None:
        """The job in the last snapshot."""
        if job := work.job_in(self.queue.snapshot):
            self._seen.add(work.tag)
            self.unseen.pop(work.tag, None)
        return job

    async def look_up(self, work: Work) -> Job | None:
        """The job, asked for by its number if the snapshot does not list it. None: it is gone.
        Raises NoAnswer.

        The snapshot does not list a job that has another name now, or that Slurm hides from the
        hub.
        """
        if job := self.find(work):
            return job
        if not self.queue.healthy or work.intended > self.queue.snapshot.at - 2:
            raise NoAnswer("the last snapshot is older than the server's job may be")
        if work.job is not None:
            return await self._by_number(work, work.job)
        if time.time() - work.intended > NEVER_SUBMITTED:
            return None
        raise NoAnswer("sbatch may still run")  # the hub died beside it

    async def _by_number(self, work: Work, number: str) -> Job | None:
        found = await self._lookup.ask(number)
        known = found.recorded.get(number) if found.listed is None else found.listed.get(number)
        if known:
            return self._owned(work, known)  # Slurm may have given the number out again
        if found.listed is None:
            raise NoAnswer(
                "PrivateData hides jobs from the hub, and the accounting does not know this one"
            )
        recorded = found.recorded.get(number)
        job = self._owned(work, recorded) if recorded else None
        if job is None or job.ended:
            return None
        # slurmctld denies what is alive to the accounting: it has lost the job, or does not show it
        # to the hub
        return None if work.tag in self._seen else self._not_shown(work, job)

    @staticmethod
    def _owned(work: Work, job: Job) -> Job | None:
        """The job, if the server's account owns it. Raises NoAnswer."""
        if work.owns(job.uid, job.user):
            return job
        # names alone are compared, and Slurm's programs may have none at this moment
        if work.uid is None:
            raise NoAnswer(f"whether job {job.id} is {work.account}'s cannot be told")
        return None

    def _not_shown(self, work: Work, job: Job) -> Job:
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
        """Whether Slurm took the job, and no snapshot of this hub has listed it."""
        return work.job is not None and self.find(work) is None and work.tag not in self._seen

    def waiting_accounts(self) -> list[str]:
        """The accounts whose servers wait for room."""
        jobs = [(work, self.find(work)) for work in self._open_work()]
        return [work.account for work, job in jobs if job and job.pending]

    def _forget_ended(self) -> None:
        """Keep what is known of live servers only."""
        live = {work.tag for work in self._open_work()}
        self._seen &= live
        self.unseen = {tag: job for tag, job in self.unseen.items() if tag in live}
