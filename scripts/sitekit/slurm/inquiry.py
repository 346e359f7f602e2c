"""Questions that the queue snapshot does not answer: is a job gone, how did it end, where is its node."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..site import Site
from .jobs import ENDED
from .say import Silent, say


@dataclass(frozen=True)
class Ending:
    """How a job ended, in Slurm's words. Memory in MiB, time in seconds; None where Slurm does not know."""

    job: int
    state: str
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    node: str = ""
    elapsed: int | None = None
    limit: int | None = None
    peak_memory: int | None = None
    by: int | None = None  # uid that cancelled it


async def gone(site: Site, job: int) -> bool | None:
    """Whether Slurm itself says that it knows no such live job. None: it did not answer. Where PrivateData hides jobs
    from the hub, its answer is worth nothing: it denies that they exist."""
    try:
        answer = await say(site, "scontrol", "--oneliner", "show", "job", str(job))
    except Silent:
        return None
    if answer.code == 0:
        states = set(re.findall(r"\bJobState=([A-Z_]+)", answer.out))
        return (
            None if not states else states.isdisjoint({"PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING"})
        )
    return True if "Invalid job id specified" in answer.err else None


async def recorded_as_gone(site: Site, job: int) -> bool | None:
    """The same by the accounting's word, which is not hidden together with the queue. None: it knows no such job."""
    told = await _from_sacct(site, job)
    return told.state in ENDED if told else None


async def ending(site: Site, job: int) -> Ending | None:
    """How `job` ended: from slurmctld while it remembers, with the figures of the accounting where there is one."""
    told = await _from_scontrol(site, job)
    recorded = await _from_sacct(site, job)
    if told and recorded:
        return Ending(
            **{**vars(told), "peak_memory": recorded.peak_memory, "elapsed": recorded.elapsed or told.elapsed}
        )
    return told or recorded


async def _from_scontrol(site: Site, job: int) -> Ending | None:
    try:
        answer = await say(site, "scontrol", "--oneliner", "show", "job", str(job))
    except Silent:
        return None
    fields = dict(re.findall(r"(\w+)=(\S*)", answer.out)) if answer.code == 0 else {}
    if "JobState" not in fields:
        return None
    code, _, signal = fields.get("ExitCode", "0:0").partition(":")
    return Ending(
        job=job,
        state=fields["JobState"],
        exit_code=int(code or 0),
        signal=int(signal or 0),
        reason=fields.get("Reason", "").replace("None", ""),
        node=fields.get("BatchHost", ""),
        elapsed=_clock(fields.get("RunTime", "")),
        limit=_clock(fields.get("TimeLimit", "")),
    )


async def _from_sacct(site: Site, job: int) -> Ending | None:
    fields = "JobID,State,ExitCode,ElapsedRaw,NodeList,MaxRSS,TimelimitRaw"
    words = ("--noheader", "--parsable2", f"--jobs={job}", f"--format={fields}")
    try:
        answer = await say(site, "sacct", *words)
    except Silent:
        return None
    rows = [line.split("|") for line in answer.out.splitlines() if line.count("|") == 6] if answer.code == 0 else []
    main = next((row for row in rows if row[0] == str(job)), None)
    if main is None:
        return None
    code, _, signal = main[2].partition(":")
    by = re.search(r"CANCELLED by (\d+)", main[1])
    return Ending(
        job=job,
        state=main[1].split()[0],
        exit_code=int(code or 0),
        signal=int(signal or 0),
        node=main[4],
        elapsed=int(main[3]) if main[3].isdigit() else None,
        limit=int(main[6]) * 60 if main[6].isdigit() else None,
        peak_memory=max((_mib(row[5]) for row in rows), default=0) or None,
        by=int(by[1]) if by else None,
    )


def _clock(text: str) -> int | None:
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _mib(text: str) -> int:
    match = re.fullmatch(r"([\d.]+)([KMGT]?)", text)
    factor = {"": 1 / 1024**2, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return int(float(match[1]) * factor[match[2]]) if match else 0


async def node_address(site: Site, node: str) -> str:
    """The address of a node as Slurm has it (NodeAddr). Raises Silent. A node's name need not be in DNS."""
    answer = await say(site, "scontrol", "--oneliner", "show", "node", node)
    match = re.search(r"\bNodeAddr=(\S+)", answer.out)
    if answer.code or not match:
        raise Silent(answer.err or f"Slurm tells no address of node {node}")
    return match[1]
