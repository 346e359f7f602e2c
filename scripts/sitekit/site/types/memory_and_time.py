"""Convert memory sizes (MiB) and durations (seconds) from and to text such as `2200M` and
`4:00:00`."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from ...base.errors import Unfit, shown
from ...base.language import ngettext

MEMORY_FORM = "write it like 2200M or 2G (K, M, G or T; powers of 1024, as in Slurm)"
TIME_FORM = "write it like 4:00:00, 5-00:00:00 (Slurm's forms) or 60m, 10h, 5d"

_KIB = {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# The first number of a time can be large. All later numbers must be less than 60, and hours after
# days must be less than 24. For example, 90:00 is a time, but 4:75:00 is an error.
_SLURM_DAYS = re.compile(
    r"(?P<d>\d{1,5})-(?P<h>[01]?\d|2[0-3])(?::(?P<m>[0-5]?\d))?(?::(?P<s>[0-5]?\d))?", re.ASCII
)
_SLURM_CLOCK = re.compile(
    r"(?:(?P<h>\d{1,6}):(?P<m>[0-5]?\d)|(?P<mm>\d{1,6})):(?P<s>[0-5]\d)", re.ASCII
)


def parse_memory(text: object) -> int:
    """Convert a memory size to whole MiB: `2200M` -> 2200, `2G` -> 2048. Raises ValueError.

    A number without a unit is refused, because sitekit would have to guess the unit. The units are
    defined in sbatch(1), option --mem.
    """
    match = re.fullmatch(
        r"(\d{1,12}(?:\.\d{1,6})?)([KMGT])(?:i?B)?", str(text).strip(), re.IGNORECASE | re.ASCII
    )
    if not match:
        raise Unfit(f"{shown(text)} is not an amount of memory", MEMORY_FORM)
    mib = Fraction(match[1]) * _KIB[match[2].upper()] / 1024
    if mib < 1 or mib.denominator != 1:
        raise Unfit(f"{shown(text)} is not a whole number of megabytes", MEMORY_FORM)
    return int(mib)


def format_memory(mib: int) -> str:
    """Convert MiB to the shortest exact text that Slurm reads: 2048 -> `2G`, 2200 -> `2200M`."""
    for suffix, size in (("T", 1024**2), ("G", 1024)):
        if mib >= size and mib % size == 0:
            return f"{mib // size}{suffix}"
    return f"{mib}M"


def human_memory(mib: int) -> str:
    """Convert MiB to a rounded text for people: 2200 -> `2.1 GB`, 300 -> `300 MB`."""
    return f"{mib} MB" if mib < 1024 else f"{mib / 1024:.1f}".removesuffix(".0") + " GB"


def parse_time(text: object) -> int:
    """Convert a duration such as `4:00:00` or `60m` to seconds. Raises ValueError.

    A duration has one of Slurm's forms `mm:ss`, `hh:mm:ss`, `d-hh`, `d-hh:mm` and `d-hh:mm:ss`
    (sbatch(1), --time), or a form such as `60m`, `10h`, `5d`. A number without a unit is refused.
    Slurm would interpret the number as minutes, but many people mean hours.
    """
    word = str(text).strip()
    if match := re.fullmatch(r"(\d{1,9})([smhd])", word, re.ASCII):
        seconds = int(match[1]) * _SECONDS[match[2]]
    elif match := _SLURM_DAYS.fullmatch(word) or _SLURM_CLOCK.fullmatch(word):
        seconds = sum(
            int(digits or 0) * _SECONDS[name[0]] for name, digits in match.groupdict().items()
        )
    else:
        raise Unfit(f"{shown(text)} is not a length of time", TIME_FORM)
    if seconds <= 0:
        raise Unfit(f"{shown(text)} is not more than 0", TIME_FORM)
    return seconds


def format_time(seconds: int) -> str:
    """Convert seconds to Slurm's form d-hh:mm:ss, or h:mm:ss below one day: 14400 -> `4:00:00`."""
    days, rest = divmod(int(seconds), 86400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}-{clock.rjust(8, '0')}" if days else clock


def human_time(seconds: int, plural: Callable[[str, str, int], str] = ngettext) -> str:
    """Convert seconds to text for people in the largest exact unit: 432000 -> `5 days`.

    `plural` is a function that chooses the singular or the plural of a unit, and translates the
    unit.
    """
    if seconds >= 86400 and seconds % 86400 == 0:
        return plural("1 day", "{count} days", seconds // 86400)
    if seconds >= 3600 and seconds % 3600 == 0:
        return plural("1 hour", "{count} hours", seconds // 3600)
    if seconds > 300 or (seconds >= 60 and seconds % 60 == 0):
        return plural("1 minute", "{count} minutes", round(seconds / 60))
    return plural("1 second", "{count} seconds", seconds)
