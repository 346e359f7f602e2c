"""Read the resources that jobs have requested and used from Slurm's accounting (sacct).

PurgeJobAfter in slurmdbd.conf sets how long the accounting keeps jobs. A job that was requeued has
several records, which --duplicates lists. Callers must compare a job's owner and number with the
ledger, because jobs of other users can have the same name and comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...site import Site
from .list_jobs import answered
from .parse_jobs import NO_NODE, is_number
from .separate_fields import Frame
from .transport import ask_slurm

FIELDS = (
    "JobID",
    "UID",
    "User",
    "State",
    "Submit",
    "Start",
    "End",
    "ElapsedRaw",
    "AllocCPUS",
    "ReqMem",
    "ReqTRES",
    "AllocTRES",
    "TotalCPU",
    "MaxRSS",
    "NodeList",
    "NNodes",
)
# the longest time for a query, in seconds; slurmdbd may have to read the records of a month
TIMEOUT = 300.0


@dataclass(frozen=True, kw_only=True)
class JobUse:
    """One record of a job in the accounting. Times are seconds since the epoch, memory is in MiB.

    A value is None if the accounting does not contain this value. `start` is None before the job
    has started, and `end` is None while the job runs. `peak_memory` and `cpu_seconds` are None
    until a step of the job has ended.
    """

    job: str
    uid: int | None
    user: str
    state: str
    submit: int
    start: int | None = None
    end: int | None = None
    elapsed: int = 0
    cpus: int | None = None
    memory: int | None = None
    gpus: int = 0
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    node: str = ""


async def jobs_between(site: Site, begin: datetime, end: datetime) -> list[JobUse]:
    """Return the records of jobs with the job name of this site that existed between two times.

    sacct interprets times without a time zone as local times of the host on which sacct runs.
    Raises NoAnswer.
    """
    span = [
        f"--{key}={at:%Y-%m-%dT%H:%M:%S}" for key, at in (("starttime", begin), ("endtime", end))
    ]
    return await _sacct(site, f"--name={site.job_name}", *span)


async def job_use(site: Site, *jobs: str) -> list[JobUse]:
    """Return the records of jobs, by their numbers, whatever their names are. Raises NoAnswer."""
    return await _sacct(site, f"--jobs={','.join(jobs)}")


async def _sacct(site: Site, *which: str) -> list[JobUse]:
    frame = Frame(len(FIELDS))
    words = ("--noheader", "--allusers", "--duplicates", *which, *frame.columns(FIELDS))
    answer = await ask_slurm(site, "sacct", *words, timeout=TIMEOUT)
    return read_uses(frame.records(answered(answer)))


def read_uses(records: Iterable[Sequence[str]]) -> list[JobUse]:
    """Return the jobs in sacct's records, each with the resources that the job's steps have used.

    In sacct's output, the steps of a job follow the job's record. A server is never an element of a
    job array or a part of a heterogeneous job. Records of job arrays and heterogeneous jobs, and
    unreadable records, are omitted.
    """
    jobs: list[tuple[Sequence[str], list[Sequence[str]]]] = []
    for record in records:
        number, dot, _ = record[0].partition(".")
        if not dot:
            jobs.append((record, []))
        elif jobs and jobs[-1][0][0] == number:
            jobs[-1][1].append(record)
    uses = [_use(record, steps) for record, steps in jobs if is_number(record[0])]
    return [use for use in uses if use is not None]


def _use(record: Sequence[str], steps: list[Sequence[str]]) -> JobUse | None:
    """Return the resources that one job has requested and used; None if the job's record contains
    no submission time."""
    told = dict(zip(FIELDS, record, strict=True))
    if (submit := _whole(told["Submit"])) is None:
        return None
    allocated, requested = read_tres(told["AllocTRES"]), read_tres(told["ReqTRES"])
    nodes = _whole(told["NNodes"]) or 1
    cpus = _whole(told["AllocCPUS"]) or _whole(allocated.get("cpu") or requested.get("cpu", ""))
    memory = allocated.get("mem") or requested.get("mem")
    peaks = [peak for step in steps if (peak := read_size(step[FIELDS.index("MaxRSS")]))]
    seconds = read_cpu_time(told["TotalCPU"])
    return JobUse(
        job=told["JobID"],
        uid=_whole(told["UID"]),
        user=told["User"],
        state=(told["State"].split() or [""])[0],
        submit=submit,
        # If a job was cancelled while it was pending, slurmdbd stores the same time as start and as
        # end of the job.
        start=None if told["NodeList"] == NO_NODE else _whole(told["Start"]),
        end=_whole(told["End"]),
        elapsed=_whole(told["ElapsedRaw"]) or 0,
        cpus=cpus,
        memory=_mib(read_size(memory) if memory else _req_mem(told["ReqMem"], cpus or 1, nodes)),
        gpus=_gpus(allocated),
        peak_memory=_mib(max(peaks, default=None)),
        cpu_seconds=seconds if steps and seconds else None,
        node="" if told["NodeList"] == NO_NODE else told["NodeList"],
    )


def read_tres(text: str) -> dict[str, str]:
    """Split a list of resources from Slurm, such as `cpu=2,mem=2200M,gres/gpu:a100=1`: name ->
    value.
    """
    pairs = (part.partition("=") for part in text.split(","))
    return {key: value for key, sign, value in pairs if sign}


def read_size(text: str) -> int | None:
    """Convert a size such as 512K or 1.50G to bytes; None if the text contains no size."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGTP]?)", text)
    if not match:
        return None
    return int(float(match[1]) * 1024 ** " KMGTP".index(match[2] or " "))


def read_cpu_time(text: str) -> float | None:
    """Convert a time such as 1-02:03:04 or 03:04.567 to seconds; None if the text contains no
    time."""
    form = r"(?:(?:([0-9]+)-)?([0-9]+):)?([0-9]+):([0-9]+(?:\.[0-9]+)?)"
    if not (match := re.fullmatch(form, text)):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _gpus(tres: dict[str, str]) -> int:
    """Return the number of GPUs. Slurm's list may count the same GPUs twice: once without their
    type, and once with their type.
    """
    if "gres/gpu" in tres:
        return _whole(tres["gres/gpu"]) or 0
    return sum(_whole(value) or 0 for key, value in tres.items() if key.startswith("gres/gpu:"))


def _req_mem(text: str, cpus: int, nodes: int) -> int | None:
    """Convert sacct's field ReqMem to bytes. Before Slurm 21.08, the field ends with c (per CPU) or
    n (per node)."""
    size = read_size(text.rstrip("cn"))
    return size and size * (cpus if text.endswith("c") else nodes if text.endswith("n") else 1)


def _mib(size: int | None) -> int | None:
    """Convert a size from bytes to MiB. The result is at least 1, because 0 would mean that nothing was used."""
    return None if size is None else max(1, round(size / 1024**2))


def _whole(text: str) -> int | None:
    """Convert a text such as `12` to an integer; return None if the text is not a whole number,
    such as `Unknown`.
    """
    return int(text) if is_number(text) else None
