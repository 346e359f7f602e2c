"""Read sizes and times as people type them into the form, such as `4 GB` or `90 min`."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...base.language import gettext as _

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
    """Return a function that converts the user's text to a number with `parse`.

    If the user types a number without a unit, the function uses the unit of `units` with which the
    value is within the bounds. The function raises ValueError if no unit fits, or if several units
    fit.
    """

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
            raise ValueError(_("write its unit too"))
        return within.pop()

    return read


def _parsed(parse: Callable[[object], int], text: str) -> int | None:
    """Return the parsed number; None if the text cannot be parsed."""
    try:
        return parse(text)
    except ValueError:
        return None


def _holds(bounds: tuple[int, int], number: int) -> bool:
    return bounds[0] <= number <= bounds[1]
