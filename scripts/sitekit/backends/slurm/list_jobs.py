"""Run squeue and sacct to list jobs.

The site's jobs are listed by squeue or, if PrivateData hides them from the hub, by sacct. This
module also lists jobs by number, and lists the pending jobs of all users in the site's partitions.

Each squeue has the option --all. Without --all, squeue omits the jobs in Hidden partitions
(squeue(1)). squeue also omits the jobs in partitions that AllowGroups or AllowAccounts closes to
the hub's account.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...site import Site
from ..start_and_job_records import NoAnswer
from .parse_jobs import LISTED, RECORDED, Listing, SlurmJob, is_number, read_jobs
from .run_local_program import Answer
from .separate_fields import Frame
from .transport import ask_slurm

REMEMBERED = "now-10minutes"
"""sacct lists the jobs that ended after this time.

squeue lists a job for the time MinJobAge (slurm.conf) after its end, by default 5 minutes.
"""

UNKNOWN_JOB = "Invalid job id specified"
"""squeue prints this to standard error if the only requested job does not exist."""


async def listed(site: Site) -> Listing:
    """Query Slurm once for the jobs with the job name of this site. Return the jobs that are
    pending or running, or that ended a few minutes ago.

    Callers must check the owner of each job, because any user can give a job this name.
    Raises NoAnswer.
    """
    return await _squeue(site, f"--name={site.job_name}")


async def recorded(site: Site) -> Listing:
    """Return the jobs with the job name of this site, as listed() does, but from slurmdbd.

    slurmdbd has its own setting PrivateData (slurmdbd.conf(5)). slurmdbd does not store the reason
    why a job waits, nor the job's expected start. slurmdbd stores a job's comment only with
    AccountingStoreFlags=job_comment. Raises NoAnswer.
    """
    return await _sacct(
        site, f"--name={site.job_name}", f"--starttime={REMEMBERED}", "--endtime=now"
    )


async def listed_by_number(site: Site, numbers: Collection[str]) -> dict[str, SlurmJob]:
    """Return the given jobs that slurmctld still lists, in a mapping by job number. Raises
    NoAnswer."""
    return (await _squeue(site, f"--jobs={','.join(numbers)}")).jobs


async def recorded_by_number(site: Site, numbers: Collection[str]) -> dict[str, SlurmJob]:
    """Return the given jobs that the accounting contains, in a mapping by job number. Raises
    NoAnswer."""
    return (await _sacct(site, f"--jobs={','.join(numbers)}")).jobs


async def _squeue(site: Site, which: str) -> Listing:
    frame = Frame(len(LISTED))
    words = ("--noheader", "--all", "--states=all", which, frame.format(LISTED))
    return read_jobs(frame.records(answered(await ask_slurm(site, "squeue", *words))), site.name)


async def _sacct(site: Site, *which: str) -> Listing:
    frame = Frame(len(RECORDED))
    words = ("--noheader", "--allusers", "--allocations", *which, *frame.columns(RECORDED))
    return read_jobs(frame.records(answered(await ask_slurm(site, "sacct", *words))), site.name)


@dataclass(frozen=True)
class Waiting:
    """The fields of one pending job, which may belong to any user of the cluster."""

    id: int
    priority: int
    partitions: frozenset[str]


async def waiting_jobs(site: Site, partitions: list[str]) -> list[Waiting]:
    """Return all pending jobs of these partitions; a job array counts as one job.

    Raises NoAnswer.
    """
    frame = Frame(3)
    words = (
        "--noheader",
        "--all",
        "--states=PENDING",
        f"--partition={','.join(partitions)}",
        frame.format("AQP"),
    )
    rows = frame.records(answered(await ask_slurm(site, "squeue", *words)))
    return [
        Waiting(int(job), int(priority), frozenset(names.split(",")))
        for job, priority, names in rows
        if is_number(job) and is_number(priority)
    ]


def answered(answer: Answer) -> str:
    """Return the output of a program of Slurm that has ended. Returns "" if the only requested job
    does not exist. Raises NoAnswer for all other errors."""
    if answer.code and UNKNOWN_JOB not in answer.err:
        raise NoAnswer(answer.err or f"Slurm's program ended with code {answer.code}")
    return "" if answer.code else answer.out
