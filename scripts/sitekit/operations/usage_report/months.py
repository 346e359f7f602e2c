"""Parse months, and divide a time span among the months of the host's local time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from ...base.errors import BadInput, shown

MOST = 36  # the most months of one report
Month = tuple[int, int]


def read_months(begin: str | None, until: str | None, now: datetime) -> list[Month]:
    """Return the months from `begin` to `until`, including `until`. Raises BadInput.

    Without arguments, the result is the last twelve months.
    """
    last = _read("UNTIL", until) if until else (now.year, now.month)
    first = _read("FROM", begin) if begin else _add(last, -11)
    count = (last[0] - first[0]) * 12 + last[1] - first[1] + 1
    if not 0 < count <= MOST:
        remedy = f"name at most {MOST} months, the first one in FROM"
        raise BadInput(f"{name(first)} to {name(last)} are {count} months", "FROM", remedy)
    return [_add(first, number) for number in range(count)]


def _read(key: str, text: str) -> Month:
    match = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", text, re.ASCII)
    if not match:
        raise BadInput(f"{shown(text)} is no month", key, "write a month such as 2026-01")
    return int(match[1]), int(match[2])


def _add(month: Month, count: int) -> Month:
    number = month[0] * 12 + month[1] - 1 + count
    return number // 12, number % 12 + 1


def name(month: Month) -> str:
    return f"{month[0]}-{month[1]:02}"


def begin_of(month: Month) -> float:
    """Return the first second of a month in local time, in seconds since the epoch."""
    return datetime(*month, 1).timestamp()


def end_of(month: Month) -> float:
    """Return the first second after a month, in seconds since the epoch."""
    return begin_of(_add(month, 1))


def month_of(at: float) -> Month:
    """Return the month that contains a time, which is in seconds since the epoch."""
    local = datetime.fromtimestamp(at)
    return local.year, local.month


def shares(begin: float, end: float) -> Iterator[tuple[Month, float]]:
    """Yield each month of a time span, with the share of the span that lies in this month. All
    shares together are 1."""
    month, whole = month_of(begin), end - begin
    if whole <= 0:
        yield month, 1.0
        return
    while begin < end:
        stop = min(end, end_of(month))
        yield month, (stop - begin) / whole
        begin, month = stop, _add(month, 1)
