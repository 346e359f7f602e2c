"""Convert records of squeue and sacct to jobs, without running any program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..start_and_job_records import Job, Phase
from .separate_fields import Unreadable

LISTED = tuple("iUuTPBSeQrk")
"""squeue's letters for the fields of a job; squeue(1), --format.

Fields with free text come last.
"""

RECORDED = (
    "JobID",
    "UID",
    "User",
    "State",
    "Partition",
    "NodeList",
    "Start",
    "End",
    "Priority",
    "Reason",
    "Comment",
)
"""sacct's names of the same fields, in the same order.

JobID is used instead of JobIDRaw, because JobIDRaw is a plain number even for a task of an array.
"""

PENDING = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SPECIAL_EXIT",
        "RESV_DEL_HOLD",
    }
)
SUSPENDED = frozenset({"SUSPENDED", "STOPPED"})
RUNNING = frozenset({"RUNNING", "SIGNALING", "STAGE_OUT", "RESIZING"})
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
        "LAUNCH_FAILED",
        "RECONFIG_FAIL",
        # the job has ended, but Slurm still kills its last processes and runs the epilog, which may
        # take long
        "COMPLETING",
    }
)
PHASES = {
    Phase.PENDING: PENDING,
    Phase.SUSPENDED: SUSPENDED,
    Phase.RUNNING: RUNNING,
    Phase.ENDED: ENDED,
}
"""Maps each phase to Slurm's states; see squeue(1), JOB STATE CODES.

For a job in any other state, the phase is unknown, and the hub keeps the server.
"""
UNKNOWN = "UNKNOWN"
"""The state that replaces a text that is not a word, such as the `?` that Slurm's programs
print."""

NO_NODE = "None assigned"
"""The text that Slurm prints instead of a node's name for a job that has not started."""
TEXT_LIMIT = 200  # the most characters of a reason that are kept


@dataclass(frozen=True)
class SlurmJob(Job):
    """One plain job, which is neither part of a job array nor of a heterogeneous job. Times are in
    seconds since the epoch. A time is None if Slurm does not report it."""

    partition: str
    end: int | None
    priority: int
    reason: str

    @property
    def queue(self) -> str:
        return self.partition


def phase_of(state: str) -> Phase:
    """Return the phase of a job that has this state in Slurm."""
    for phase, states in PHASES.items():
        if state in states:
            return phase
    return Phase.UNKNOWN


@dataclass(frozen=True)
class Listing:
    """The jobs in an answer, by number, and counts of the other records.

    `passed_over` counts tasks of arrays and parts of heterogeneous jobs. `unreadable` counts
    records that could not be read.
    """

    jobs: dict[str, SlurmJob]
    passed_over: int = 0
    unreadable: int = 0


def read_jobs(records: Iterable[list[str]], site: str) -> Listing:
    """Return the jobs in these records, whose fields are in the order of LISTED or RECORDED.

    A job's tag is used only if it contains the site's name `site`. A record without a job's number
    is omitted. Raises Unreadable if no record can be read.
    """
    jobs: dict[str, SlurmJob] = {}
    passed_over = unreadable = 0
    for record in records:
        if is_job_number(record[0]):
            job = _read(record, site)
            jobs[job.id] = job
        elif re.match(r"\d+[_+]", record[0], re.ASCII):  # 123_4, 123_[1-9], 123+0
            passed_over += 1
        else:
            unreadable += 1
    if unreadable and not jobs and not passed_over:
        raise Unreadable(f"Slurm answered with {unreadable} records, and none of them is a job's")
    return Listing(jobs, passed_over, unreadable)


def _read(record: list[str], site: str) -> SlurmJob:
    number, uid, user, state, partition, host, start, end, priority, reason, comment = record
    word = re.fullmatch(r"([A-Z_]+)( by \d+)?", state, re.ASCII)  # sacct: CANCELLED by 1000
    tag = re.fullmatch(rf"sitekit:{re.escape(site)}:([0-9a-f]{{16}})", comment)
    name = word[1] if word else UNKNOWN
    return SlurmJob(
        id=str(int(number)),
        uid=int(uid) if is_number(uid) else None,
        user=user,
        state=name,
        phase=phase_of(name),
        partition=partition,
        host="" if host in ("n/a", NO_NODE) else host,
        start=_seconds(start),
        end=_seconds(end),
        priority=int(priority) if is_number(priority) else 0,
        reason=reason.strip("()")[:TEXT_LIMIT],
        tag=tag[1] if tag else None,
    )


def is_job_number(text: str) -> bool:
    """Return whether the text is the number of a plain job (see SlurmJob)."""
    return is_number(text) and int(text) > 0


def is_number(text: str) -> bool:
    """Return whether the text is a number as Slurm writes it.

    str.isdigit is not used, because str.isdigit also accepts superscripts, for which int() fails.
    """
    # The number of digits is limited, because the largest integer in SQLite is less than 2**63.
    return text.isascii() and text.isdigit() and len(text) <= 18


def _seconds(text: str) -> int | None:
    """Convert a time that Slurm prints to seconds since the epoch; None if Slurm prints no time."""
    return int(text) if is_number(text) and int(text) > 0 else None
