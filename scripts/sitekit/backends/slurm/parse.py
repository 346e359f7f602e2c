"""A job as Slurm tells it, and the reading of squeue's and sacct's records. Pure: records in, jobs
out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..interface import Job, Phase
from .frame import Unreadable

LISTED = tuple("iUuTPBSeQrk")
"""squeue's letters for the fields of a Job. What holds free text comes last; squeue(1), --format.
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
"""The same of sacct, in the same order. JobID and not JobIDRaw, which makes a plain number of an
array's task."""

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
        # it has ended; what is left of it is killed, and the epilog runs, which may take long
        "COMPLETING",
    }
)
PHASES = {
    Phase.PENDING: PENDING,
    Phase.SUSPENDED: SUSPENDED,
    Phase.RUNNING: RUNNING,
    Phase.ENDED: ENDED,
}
"""Slurm's states; squeue(1), JOB STATE CODES. A state in none of them is unknown: the server is
kept."""
UNKNOWN = "UNKNOWN"
"""In the place of a state that is no word, such as the `?` that Slurm's programs print where they
have none."""

TEXT_LIMIT = 200  # characters of a reason that are kept


@dataclass(frozen=True)
class SlurmJob(Job):
    """One plain job. Times are seconds since the epoch, or None where Slurm does not know them."""

    partition: str
    end: int | None
    priority: int
    reason: str


def phase_of(state: str) -> Phase:
    """The phase of a job in this state of Slurm's."""
    for phase, states in PHASES.items():
        if state in states:
            return phase
    return Phase.UNKNOWN


@dataclass(frozen=True)
class Listing:
    """What was read of an answer: jobs by number; how many records were something else than a plain
    job (tasks of arrays, parts of heterogeneous jobs); and how many could not be read."""

    jobs: dict[str, SlurmJob]
    passed_over: int = 0
    unreadable: int = 0


def read_jobs(records: Iterable[list[str]], site: str) -> Listing:
    """Records in the order of LISTED or RECORDED -> jobs. `site` is the name in the tags that
    count. A record without a job's number is left out. Raises Unreadable where nothing else is
    there."""
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
        host="" if host in ("n/a", "None assigned") else host,
        start=_seconds(start),
        end=_seconds(end),
        priority=int(priority) if is_number(priority) else 0,
        reason=reason.strip("()")[:TEXT_LIMIT],
        tag=tag[1] if tag else None,
    )


def is_job_number(text: str) -> bool:
    """Whether this is the number of a plain job."""
    return is_number(text) and int(text) > 0


def is_number(text: str) -> bool:
    """Whether this is a number that Slurm writes. To str.isdigit alone a superscript is a digit, to
    int() it is not."""
    # SQLite's whole numbers end at 2**63
    return text.isascii() and text.isdigit() and len(text) <= 18


def _seconds(text: str) -> int | None:
    return int(text) if is_number(text) and int(text) > 0 else None
