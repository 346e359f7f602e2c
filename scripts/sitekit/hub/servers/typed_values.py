"""Sizes and times as people type them into the form: `4 GB`, `90 min`, or a number alone if only
one unit fits."""

from __future__ import annotations

import re
from collections.abc import Callable

WORDS = (
    ("minutes", "m"),
    ("minute", "m"),
    ("min", "m"),
    ("hours", "h"),
    ("hour", "h"),
    ("days", "d"),
    ("day", "d"),
)


def as_typed(
    parse: Callable[[object], int], units: tuple[str, ...], bounds: tuple[int, int]
) -> Callable[[object], int]:
    """`parse`, for what is typed. A number alone gets that one of the `units` with which it is
    within the bounds; where several are, its unit would be a guess. Raises ValueError."""

    def read(value: object) -> int:
        text = re.sub(r"(?<=\d)\s+(?=[A-Za-z])", "", str(value).strip())
        for word, unit in WORDS:
            text = re.sub(rf"(?<=\d){word}$", unit, text)
        if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text, re.ASCII):
            return parse(text)
        within = {
            number
            for unit in units
            if (number := _parsed(parse, text + unit)) and _holds(bounds, number)
        }
        if len(within) != 1:
            raise ValueError("write its unit too")
        return within.pop()

    return read


def _parsed(parse: Callable[[object], int], text: str) -> int | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _holds(bounds: tuple[int, int], number: int) -> bool:
    return bounds[0] <= number <= bounds[1]
