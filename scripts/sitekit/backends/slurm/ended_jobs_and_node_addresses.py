"""Query Slurm for data that the list of jobs does not contain: how a job ended, and a node's IP
address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...site import Site
from ..start_and_job_records import Cause, Ending, NoAnswer
from .list_jobs import answered
from .parse_jobs import ENDED, is_number
from .separate_fields import Frame
from .transport import ask_slurm

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRecord:
    """The data that Slurm stores about a job that has ended.

    Memory is in MiB, time in seconds. A value is None if Slurm does not report this value.
    """

    job: str
    state: str
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    node: str = ""
    elapsed: int | None = None
    limit: int | None = None
    peak_memory: int | None = None
    owner: int | None = None  # uid of the job's owner
    by: int | None = None  # uid of the account that cancelled the job
    is_recorded: bool = True  # False if the accounting still has the job as one that runs

    @property
    def is_open(self) -> bool:
        """Return whether Slurm's record does not yet show how the job ended, or who cancelled it,
        which only the accounting shows."""
        told = self.signal or self.exit_code or self.reason in REASONS
        late = not self.is_recorded and self.state in ("COMPLETING", "CANCELLED")
        return late or (self.state == "COMPLETING" and not told)

    @property
    def cause(self) -> Cause:
        """Return the reason why the job ended: one of the reasons of the class Cause."""
        if self.state in ("COMPLETED", "FAILED") and self._ended_at_the_warning():
            return Cause.TIME
        return CAUSES.get(self.state, Cause.FAILED)

    def _ended_at_the_warning(self) -> bool:
        """Return whether the server ended by itself after Slurm's warning.

        Slurm's warning comes 60 to 120 s before the time limit, because of the gate's option
        --signal (sbatch(1): "up to 60 seconds earlier than specified"). Slurm records a server that
        ends after this warning as COMPLETED.
        """
        return (
            self.limit is not None and self.elapsed is not None and self.elapsed >= self.limit - 125
        )

    def ending(self) -> Ending:
        """Convert the record to an Ending, the class that all backends use."""
        return Ending(
            job=self.job,
            cause=self.cause,
            exit_code=self.exit_code,
            signal=self.signal,
            node=self.node,
            elapsed=self.elapsed,
            limit=self.limit,
            peak_memory=self.peak_memory,
            owner=self.owner,
            by=self.by,
        )


CAUSES = {
    "COMPLETED": Cause.COMPLETED,
    "OUT_OF_MEMORY": Cause.MEMORY,
    "TIMEOUT": Cause.TIME,
    "DEADLINE": Cause.TIME,
    "NODE_FAIL": Cause.NODE,
    "BOOT_FAIL": Cause.NODE,
    "LAUNCH_FAILED": Cause.NODE,
    "PREEMPTED": Cause.PREEMPTED,
    "CANCELLED": Cause.CANCELLED,
    "REVOKED": Cause.REVOKED,
}
"""Maps Slurm's state of an ended job to the cause of the end; see squeue(1), JOB STATE CODES."""

REASONS = {"TimeLimit": "TIMEOUT", "NodeDown": "NODE_FAIL", "OutOfMemory": "OUT_OF_MEMORY"}
"""Maps Slurm's reason for a job in the state COMPLETING to the state after the epilog."""

Owner = Callable[[int | None, str], bool]
"""A function that returns whether a job with this uid and user name is the server's job.

This check is needed, because Slurm may have given the job's number to another job.
"""


PATIENCE, PAUSE = 4.0, 0.5
"""While a job's epilog runs, the hub queries Slurm for the job's end. PATIENCE is the longest time
of these queries, and PAUSE is the time between two queries, both in seconds."""


async def ended_job(site: Site, job: str, is_ours: Owner) -> JobRecord | None:
    """Return how `job` ended; None if Slurm has no record of the job.

    While its epilog runs, a cancelled job may look like a job that ended by itself, because squeue
    lists both kinds of jobs as COMPLETING with exit code 0. slurmdbd may not have recorded the end
    of the job yet, and who cancelled it. If the end is not yet recorded, Slurm is queried again for
    a few seconds.
    """
    deadline = time.monotonic() + PATIENCE
    record = await _ended_job(site, job, is_ours)
    while record and record.is_open and time.monotonic() + PAUSE < deadline:
        await asyncio.sleep(PAUSE)
        record = await _ended_job(site, job, is_ours)
    return record and _without_completing(record)


async def _ended_job(site: Site, job: str, is_ours: Owner) -> JobRecord | None:
    """Return the record of the job from slurmctld and the accounting. slurmctld keeps the data some
    minutes after the job's end. The accounting, if Slurm has one, adds used memory and times.
    """
    listed = recorded = None
    with contextlib.suppress(NoAnswer):
        listed = await _from_squeue(site, job, is_ours)
    with contextlib.suppress(NoAnswer):
        recorded = await _from_sacct(site, job, is_ours)
    if listed is None:
        return recorded
    if recorded is None:
        return listed
    state = listed.state
    if state == "COMPLETING" and recorded.state in ENDED:
        state = recorded.state
    return replace(
        listed,
        state=state,
        peak_memory=recorded.peak_memory,
        elapsed=recorded.elapsed or listed.elapsed,
        by=recorded.by,
        is_recorded=recorded.state in ENDED,
    )


def _without_completing(record: JobRecord) -> JobRecord:
    """Replace COMPLETING, the state of a job whose epilog runs, by the state after the epilog.

    During the epilog, the job's reason or exit code may already show how the job ended.
    """
    if record.state != "COMPLETING":
        return record
    if record.signal:
        state = "CANCELLED"
    elif record.exit_code:
        state = "FAILED"
    else:
        state = "COMPLETED"
    return replace(record, state=REASONS.get(record.reason, state))


FIELDS = (
    *("JobArrayID", "UserID", "UserName", "State", "BatchHost"),
    *("TimeUsed", "TimeLimit", "exit_code", "Reason"),
)


async def _from_squeue(site: Site, job: str, is_ours: Owner) -> JobRecord | None:
    """Return the record of the job from squeue.

    scontrol is not used, because scontrol prints the job's name, which may contain any text, before
    the state and the exit code.
    """
    frame = Frame(len(FIELDS))
    words = ("--noheader", "--all", "--states=all", f"--jobs={job}", frame.long_format(FIELDS))
    for row in frame.records(answered(await ask_slurm(site, "squeue", *words))):
        number, uid, user, state, node, elapsed, limit, code, reason = row
        if number == job and is_ours(int(uid) if is_number(uid) else None, user):
            exit_code, signal = _exit(code)
            return JobRecord(
                job=job,
                state=state,
                exit_code=exit_code,
                signal=signal,
                reason="" if reason == "None" else reason,
                node="" if node == "n/a" else node,
                elapsed=_clock(elapsed),
                limit=_clock(limit),
                owner=int(uid) if is_number(uid) else None,
            )
    return None


def _exit(code: str) -> tuple[int, int]:
    """Return the exit code and the signal with which a job ended.

    `code` is squeue's number, as in wait(2), or sacct's `code:signal`.
    """
    if is_number(code):
        return int(code) >> 8, int(code) & 0x7F
    match = re.fullmatch(r"(\d+):(\d+)", code, re.ASCII)
    return (int(match[1]), int(match[2])) if match else (0, 0)


RECORDED = (
    "JobID",
    "UID",
    "User",
    "State",
    "ExitCode",
    "ElapsedRaw",
    "NodeList",
    "MaxRSS",
    "TimelimitRaw",
)


async def _from_sacct(site: Site, job: str, is_ours: Owner) -> JobRecord | None:
    """Return the record of the job from sacct."""
    frame = Frame(len(RECORDED))
    words = ("--noheader", "--allusers", f"--jobs={job}", *frame.columns(RECORDED))
    rows = frame.records(answered(await ask_slurm(site, "sacct", *words)))
    main = next((row for row in rows if row[0] == job), None)
    if main is None or not is_ours(int(main[1]) if is_number(main[1]) else None, main[2]):
        return None
    _, _, _, state, code, elapsed, node, _, limit = main
    exit_code, signal = _exit(code)
    by = re.search(r"CANCELLED by (\d+)", state)
    steps = [row for row in rows if row[0].startswith(f"{job}.")]
    return JobRecord(
        job=job,
        state=(state.split() or [""])[0],
        exit_code=exit_code,
        signal=signal,
        node=node,
        elapsed=int(elapsed) if is_number(elapsed) else None,
        limit=int(limit) * 60 if is_number(limit) else None,
        peak_memory=max((_mib(row[7]) for row in steps), default=0) or None,
        owner=int(main[1]) if is_number(main[1]) else None,
        by=int(by[1]) if by else None,
    )


def _clock(text: str) -> int | None:
    """Convert a time of Slurm, `[[days-]hours:]minutes:seconds`, to seconds; None for another
    text."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", text, re.ASCII)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _mib(text: str) -> int:
    """Convert a size from sacct, such as 512K, to MiB."""
    match = re.fullmatch(r"([\d.]+)([KMGT]?)", text)
    factor = {"": 1 / 1024**2, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return int(float(match[1]) * factor[match[2]]) if match else 0


async def node_address(site: Site, node: str) -> str:
    """Return a node's address in Slurm's configuration (NodeAddr). Raises NoAnswer.

    The NodeAddr of slurm.conf is used, because a node's name need not be in DNS. The name is looked
    up in DNS only if PrivateData=nodes hides nodes from the hub.
    """
    answer = await ask_slurm(site, "scontrol", "--all", "--oneliner", "show", "node", node)
    # The first match is used, because later fields with free text may contain the same word.
    match = re.search(r"\bNodeAddr=(\S+)", answer.out)
    if answer.code == 0 and match:
        return match[1]
    if "denied" not in answer.err:
        raise NoAnswer(answer.err or f"Slurm has no address for node {node}")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(node, None, type=socket.SOCK_STREAM)
    except OSError as error:
        log.error(
            "Slurm does not show the hub's account its nodes (PrivateData=nodes), and %s: %s",
            node,
            error,
        )
        raise NoAnswer(
            f"Slurm does not show the hub's account its nodes, and no name service knows {node}"
        ) from None
    address = found[0][4]
    return str(address[0])
