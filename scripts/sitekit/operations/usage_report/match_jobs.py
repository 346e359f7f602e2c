"""Match the starts in the ledger (the hub's record of starts) with the jobs in Slurm's accounting.

A job counts as a server only if the ledger has a start with the job's id and owner, and if the job
was submitted after the user's request and before the end of the server. The id alone is not enough,
because Slurm uses job ids again. The name and the comment are not enough, because every user can
give them to a job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...backends.slurm.job_use import JobUse
from ...hub.ledger.starts_and_idle_time import Usage

SLACK = 120.0  # seconds: the largest expected difference between the clocks of hub and slurmctld
USERS_WISH = frozenset({None, "", "stopped", "idle", "time", "cancelled"})
"""Kinds of ends that are no failures. For example, the user or an administrator stopped the server,
or a time limit of the tier was reached."""
STATES = {
    "OUT_OF_MEMORY": "memory",
    "NODE_FAIL": "node",
    "BOOT_FAIL": "node",
    "TIMEOUT": "time",
    "PREEMPTED": "preempted",
}
"""Maps the state of a job in Slurm's accounting to the kind of its end. The report uses this table
only if the hub has recorded no kind of end."""


@dataclass(frozen=True)
class Span:
    """A time span in which a server had its resources. `elapsed` is its length in seconds, without
    the time in which the job was suspended."""

    begin: float
    end: float
    elapsed: float
    cpus: int
    gpus: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One start of a server. Memory is in MiB, times are in seconds.

    `waited` is None if the job has not started, or is not in the accounting. `peak_memory` and
    `cpu_seconds` are None if the accounting does not have them.
    """

    tier: str
    user: str
    asked: float
    spans: tuple[Span, ...] = ()
    waited: float | None = None
    memory: int | None = None
    cap: int | None = None
    cpus: int = 1
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    idle: float | None = None
    kind: str | None = None
    accounted: bool = False

    @property
    def failed(self) -> bool:
        """Return True if the kind of the server's end is not in USERS_WISH. Then the server did not
        start, or ended although nobody wanted this."""
        return self.kind not in USERS_WISH

    @property
    def elapsed(self) -> float:
        return sum(span.elapsed for span in self.spans)


@dataclass(frozen=True)
class Jobs:
    """The jobs in Slurm's accounting: job id -> records of the job."""

    by_number: Mapping[str, list[JobUse]] = field(default_factory=dict)

    @classmethod
    def of(cls, uses: Iterable[JobUse]) -> Jobs:
        """Return the records, grouped by job id, each record once. `uses` contains the record of a
        job twice if the job ran in two months."""
        last = {(use.job, use.submit): use for use in uses}
        found: dict[str, list[JobUse]] = {}
        for use in sorted(last.values(), key=lambda one: one.submit):
            found.setdefault(use.job, []).append(use)
        return cls(found)

    def of_start(self, start: Usage, now: float) -> list[JobUse]:
        """Return the records in Slurm's accounting that belong to one start of a server. If the job
        of a start was requeued, the accounting contains several records of the job."""
        if start.backend != "slurm" or not start.job:
            return []
        last = (start.ended or now) + SLACK
        return [
            use
            for use in self.by_number.get(start.job, [])
            if start.owns(use.uid, use.user) and start.intended - SLACK <= use.submit <= last
        ]


def run_of(start: Usage, jobs: Jobs, now: float) -> Run:
    """Return one start with the resources that its job has used."""
    uses = jobs.of_start(start, now)
    spans = tuple(_span(use, start, now) for use in uses if use.start) if uses else _own(start, now)
    first = next((use for use in uses if use.start), None)
    peaks = [use.peak_memory for use in uses if use.peak_memory]
    seconds = [use.cpu_seconds for use in uses if use.cpu_seconds]
    kind = start.kind or next((STATES[use.state] for use in uses if use.state in STATES), None)
    memory = start.memory or next((use.memory for use in uses if use.memory), None)
    return Run(
        tier=start.tier or "(unknown)",
        user=start.user,
        asked=start.intended,
        spans=spans,
        waited=max(0, first.start - first.submit) if first and first.start else None,
        memory=memory,
        cap=start.cap,
        cpus=start.cpus or 1,
        peak_memory=max(peaks, default=None),
        cpu_seconds=sum(seconds) if seconds else None,
        idle=start.idle,
        kind=kind,
        accounted=bool(uses),
    )


def _span(use: JobUse, start: Usage, now: float) -> Span:
    """Return the time span in which the job of one record had its resources. If the job still runs,
    the span ends now."""
    begin = float(use.start or 0)
    # Slurm has no end time of a job that it has lost: in this case, the ledger's end time is used
    end = max(begin, float(use.end or start.ended or now))
    elapsed = use.elapsed if use.end else min(use.elapsed or end - begin, end - begin)
    return Span(begin, end, elapsed, use.cpus or start.cpus or 1, use.gpus or start.gpus or 0)


def _own(start: Usage, now: float) -> tuple[Span, ...]:
    """Return the time span of a start that has no record in the accounting. The span begins when
    the server has reported its port, and ends when the server ends. Both times are from the
    ledger."""
    if start.listening is None:
        return ()
    end = max(start.listening, start.ended or now)
    length = end - start.listening
    return (Span(start.listening, end, length, start.cpus or 1, start.gpus or 0),)
