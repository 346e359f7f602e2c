"""Print the table of `make kernels` and `make kernels_check`, with the reason of each failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..base import progress

ORDER = (
    "proven",
    "back",
    "added",
    "changed",
    "unchanged",
    "kept",
    "removed",
    "hidden",
    "flagged",
    "FAILED",
    "skipped",
)


@dataclass(frozen=True)
class Row:
    """Hold one row of the table about kernels.

    `status` is one of ORDER. `reason` can have several lines. `counts` is true if kernels.yml names
    the kernel, or if users see the kernel now. If such a kernel fails, the whole command fails.
    """

    status: str
    id: str
    title: str
    detail: str
    reason: str = ""
    counts: bool = False


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table as text, with columns as wide as needed.

    The names and messages come from modules, and can contain any characters. Control characters are
    not printed.
    """
    rows = sorted(map(_plain, rows), key=lambda row: (ORDER.index(row.status), row.id))
    widths = [
        max((len(getattr(row, name)) for row in rows), default=0)
        for name in ("status", "id", "title")
    ]
    text = []
    for row in rows:
        reason = row.reason.strip().splitlines()
        short = not row.detail and len(reason) == 1
        end = reason[0] if short else row.detail
        text.append(
            f"  {row.status:{widths[0]}}  {row.id:{widths[1]}}  {row.title:{widths[2]}}  {end}".rstrip()
        )
        text += [] if short else [f"      {line.rstrip()}" for line in reason[:12] if line.strip()]
    return text


def _plain(row: Row) -> Row:
    """Return a copy of the row without control characters and without characters that a terminal
    cannot show."""
    return replace(
        row,
        id=_printable(row.id),
        title=_printable(row.title),
        detail=_printable(row.detail),
        reason=_printable(row.reason),
    )


def _printable(text: str) -> str:
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "?" for sign in text.expandtabs()
    )


def show(rows: Iterable[Row]) -> None:
    """Print the table of kernels."""
    for line in lines(rows):
        progress.say(line)


def counted(rows: Iterable[Row]) -> str:
    """Return a summary such as `2 added, 1 FAILED`, in the order of the table."""
    rows = list(rows)
    counts = {status: sum(row.status == status for row in rows) for status in ORDER}
    return (
        ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "no kernels"
    )
