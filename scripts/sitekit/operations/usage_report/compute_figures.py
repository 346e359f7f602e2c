"""Compute the figures of each tier, in each month and in the whole period."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .match_jobs import Run
from .months import Month, begin_of, end_of, month_of, shares

HOUR = 3600.0


@dataclass
class Figures:
    """The usage figures of one tier in one period, such as a month. Memory is in MiB, waiting times
    are in seconds.

    `starts` is the number of starts whose server got its resources, and `not_started` is the number
    of all other starts. `memory` and `cap` are the memory and the memory cap of the tier's most
    recent server. `ends` has the number of servers for each kind of end. `failures` has the same
    numbers, but only for failures: kinds of end that are not in USERS_WISH.
    """

    users: set[str] = field(default_factory=set)
    starts: int = 0
    not_started: int = 0
    hours: float = 0.0
    cpu_hours: float = 0.0
    used_cpu_hours: float = 0.0
    measured_cpu_hours: float = 0.0  # the cpu_hours of servers whose used CPU time is recorded
    gpu_hours: float = 0.0
    idle_hours: float = 0.0
    waits: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)  # cores that a server used on average
    ends: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    not_accounted: int = 0
    memory: int | None = None
    cap: int | None = None
    cpus: int = 1
    newest: float = 0.0

    @property
    def cpu_share(self) -> float | None:
        """Return the share of the CPU time that was used; None if the CPU time is not recorded."""
        return self.used_cpu_hours / self.measured_cpu_hours if self.measured_cpu_hours else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the percentile of the values by nearest rank. For example, with `share` 0.95, at least
    95 % of the values are less than or equal to the result. Return None if there are no values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def by_month(runs: Iterable[Run], months: Sequence[Month]) -> dict[tuple[str, Month], Figures]:
    """Return the figures of each tier in each of the months: (tier, month) -> Figures. The figures
    of a month contain only the part of a server's run that lies in this month."""
    found: dict[tuple[str, Month], Figures] = {}
    for run in runs:
        for month in _months_of(run):
            if month in months:
                _add(found.setdefault((run.tier, month), Figures()), run, {month})
    return found


def in_all(runs: Iterable[Run], months: Sequence[Month]) -> dict[str, Figures]:
    """Return the figures of each tier in the whole period: tier -> Figures."""
    found: dict[str, Figures] = {}
    period = set(months)
    for run in runs:
        if period.intersection(_months_of(run)):
            _add(found.setdefault(run.tier, Figures()), run, period)
    return found


def _begin(run: Run) -> float:
    """Return the time when a server got its resources. If the server never got resources, return
    the time of the request for the server."""
    return run.spans[0].begin if run.spans else run.asked


def _months_of(run: Run) -> set[Month]:
    found = {month_of(_begin(run))}
    return found.union(month for span in run.spans for month, _ in shares(span.begin, span.end))


def _add(figures: Figures, run: Run, period: set[Month]) -> None:
    """Add to the figures the part of a server's run that lies in these months.

    The start, the waiting time, the used memory and the kind of end count in the month in which the
    server got its resources. If the server never got resources, they count in the month of the
    request.
    """
    figures.users.add(run.user)
    elapsed = run.elapsed
    for span in run.spans:
        part = sum(share for month, share in shares(span.begin, span.end) if month in period)
        hours = span.elapsed * part / HOUR
        figures.hours += hours
        figures.cpu_hours += hours * span.cpus
        figures.gpu_hours += hours * span.gpus
        if elapsed:
            figures.idle_hours += (run.idle or 0) / HOUR * part * span.elapsed / elapsed
        if run.cpu_seconds and elapsed:
            figures.measured_cpu_hours += hours * span.cpus
            figures.used_cpu_hours += run.cpu_seconds / HOUR * part * span.elapsed / elapsed
    if month_of(_begin(run)) in period:
        _add_start(figures, run)


def _add_start(figures: Figures, run: Run) -> None:
    """Add the figures that count only once for each server, such as its waiting time."""
    figures.starts += bool(run.spans)
    figures.not_started += not run.spans
    figures.not_accounted += bool(run.spans) and not run.accounted
    if run.waited is not None:
        figures.waits.append(run.waited)
    if run.peak_memory:
        figures.peaks.append(run.peak_memory)
    if run.cpu_seconds and run.elapsed:
        figures.cores.append(run.cpu_seconds / run.elapsed)
    if run.kind:
        figures.ends[run.kind] += 1
    if run.failed:
        figures.failures[str(run.kind)] += 1
    if run.asked >= figures.newest:
        figures.memory, figures.cap, figures.cpus = run.memory, run.cap, run.cpus
        figures.newest = run.asked


def period_of(months: Sequence[Month]) -> tuple[float, float]:
    """Return the time when the first month begins, and the time when the last month ends, in
    seconds since the epoch."""
    return begin_of(months[0]), end_of(months[-1])
