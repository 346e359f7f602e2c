"""Parse the variables of a make command, such as `COURSE=bio101`. Each variable has the form
NAME=value."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..base.errors import BadInput, shown


def parse_variables(command: str, words: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Return the variables that have a value: name -> value. Raises BadInput for a variable that is
    not in `known`."""
    given: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or key not in known:
            listed = ", ".join(f"{name}=" for name in known) or "none"
            raise BadInput(
                f"{shown(word)} is no variable of it", f"make {command}", f"use {listed}"
            )
        if value:
            given[key] = value
    return given


def required(command: str, given: dict[str, str], key: str, example: str) -> str:
    """Return the value of a variable. Raises BadInput if the variable is missing."""
    if key not in given:
        raise BadInput(f"{key}= is missing", f"make {command}", f"make {command} {key}={example}")
    return given[key]
