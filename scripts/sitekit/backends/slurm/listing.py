"""Jobs as Slurm lists them: the site's by squeue, or, where PrivateData hides them from the hub, by
the accounting; some by their numbers; and everybody's that wait in its partitions.

Each squeue says --all: without it, it leaves out the jobs of partitions that are Hidden, or closed
to the hub's own account by AllowGroups or AllowAccounts; squeue(1).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...site import Site
from ..interface import NoAnswer
from .command import Answer
from .frame import Frame
from .parse import LISTED, RECORDED, Listing, SlurmJob, is_number, read_jobs
from .transport import ask_slurm

REMEMBERED = "now-10minutes"
"""Since when the accounting lists jobs that have ended; squeue's own memory is slurm.conf's
MinJobAge, 5 minutes."""

UNKNOWN_JOB = "Invalid job id specified"
"""What squeue says on the standard error where the only job that was asked for does not exist."""


async def listed(site: Site) -> Listing:
    """Every job of the site's name that waits or runs, and those that ended within the last
    minutes, in one query.

    Anybody can give a job that name: whose it is decides what it means. Raises NoAnswer.
    """
    return await _squeue(site, f"--name={site.job_name}")


async def recorded(site: Site) -> Listing:
    """The same from slurmdbd, whose PrivateData is a setting of its own (slurmdbd.conf(5)). It
    knows neither the reason why a job waits nor its expected start, and a job's comment only with
    AccountingStoreFlags=job_comment. Raises NoAnswer.
    """
    return await _sacct(
        site, f"--name={site.job_name}", f"--starttime={REMEMBERED}", "--endtime=now"
    )


async def listed_by_number(site: Site, numbers: Collection[str]) -> dict[str, SlurmJob]:
    """Those of these jobs that slurmctld still knows, whatever their names are now. Raises
    NoAnswer."""
    return (await _squeue(site, f"--jobs={','.join(numbers)}")).jobs


async def recorded_by_number(site: Site, numbers: Collection[str]) -> dict[str, SlurmJob]:
    """Those of these jobs that the accounting knows. Raises NoAnswer."""
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
    """A job that waits, whoever's it is."""

    id: int
    priority: int
    partitions: frozenset[str]


async def waiting_jobs(site: Site, partitions: list[str]) -> list[Waiting]:
    """All pending jobs of these partitions; a job array counts as one. Raises NoAnswer."""
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
    """The output of a program that succeeded; nothing where the one job that it was asked for does
    not exist. Raises NoAnswer for all other errors."""
    if answer.code and UNKNOWN_JOB not in answer.err:
        raise NoAnswer(answer.err or f"Slurm's program ended with code {answer.code}")
    return "" if answer.code else answer.out
