"""A job as Slurm tells it, and the reading of squeue's and sacct's answers. Pure: text in, jobs out."""

from __future__ import annotations

import re
from dataclasses import dataclass

FIELDS = "%i|%u|%T|%P|%B|%S|%e|%Q|%k|%r"
"""squeue's format. The reason comes last: it may hold anything."""

RECORDED = "JobIDRaw,User,State,Partition,NodeList,Start,End,Priority,Comment,Reason"
"""The same of sacct."""

PENDING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
RUNNING = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
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
    }
)
"""Slurm's states; squeue(1), JOB STATE CODES. A state in none of the three is unknown: the server is kept."""


class Rubbish(ValueError):
    """squeue answered, but not with a queue."""


@dataclass(frozen=True)
class Job:
    """One job in the queue snapshot. Times are seconds since the epoch, or None where Slurm says N/A."""

    id: int
    user: str
    state: str
    partition: str
    host: str
    start: int | None
    end: int | None
    priority: int
    comment: str
    reason: str

    @property
    def pending(self) -> bool:
        return self.state in PENDING

    @property
    def running(self) -> bool:
        return self.state in RUNNING

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def tag(self) -> str | None:
        """The server start that this job belongs to, from its comment `sitekit:<site>:<tag>`."""
        match = re.fullmatch(r"sitekit:[a-z][a-z0-9-]*:([0-9a-f]{16})", self.comment)
        return match[1] if match else None


def parse_queue(text: str) -> dict[int, Job]:
    """squeue's output in FIELDS' form -> jobs by id. Raises Rubbish at the first line that is not a job."""
    return _parse(text, r"[A-Z_]+", "n/a")


def parse_records(text: str) -> dict[int, Job]:
    """sacct's output in RECORDED's form -> jobs by id. Raises Rubbish at the first line that is not a job."""
    return _parse(text, r"([A-Z_]+)( by \d+)?", "None assigned")  # CANCELLED by 1000


def _parse(text: str, form_of_state: str, no_host: str) -> dict[int, Job]:
    jobs = {}
    for line in text.splitlines():
        parts = line.split("|", 9)
        if len(parts) != 10 or not _is_number(parts[0]) or not re.fullmatch(form_of_state, parts[2]):
            raise Rubbish(f"Slurm answered with something that is not a queue: {line[:80]!r}")
        number, user, state, partition, host, start, end, priority, comment, reason = parts
        jobs[int(number)] = Job(
            id=int(number),
            user=user,
            state=state.split()[0],
            partition=partition,
            host="" if host == no_host else host,
            start=_seconds(start),
            end=_seconds(end),
            priority=int(priority) if _is_number(priority) else 0,
            comment="" if comment == "(null)" else comment,
            reason=reason.strip("()"),
        )
    return jobs


def _seconds(text: str) -> int | None:
    return int(text) if _is_number(text) and int(text) > 0 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()  # to str.isdigit alone a superscript is a digit, to int() it is not
