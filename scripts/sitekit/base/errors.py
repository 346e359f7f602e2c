"""What sitekit says when it cannot go on: what is wrong, where, and what to do about it."""

from __future__ import annotations

import os


class Problem(Exception):
    """Something that the person at the keyboard has to know.

    `what` is one sentence, `where` a file, line or key, `remedy` the next thing to do.
    `exit_code` is what the command ends with: 1 for work that failed.
    """

    exit_code = 1

    def __init__(self, what: str, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n    -> {self.remedy}" if self.remedy else text


class BadInput(Problem):
    """Input that was refused before anything changed; exit code 2."""

    exit_code = 2


class BadInputs(BadInput):
    """Several refusals of one file, told together so that one edit can mend them all."""

    def __init__(self, problems: list[BadInput]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class Unfit(ValueError):
    """A value that a model refuses, before anybody knows which file and line it came from.

    `key` is the path of the key to blame, seen from the model or field that raises; validate.py
    adds file and line.
    """

    def __init__(self, what: str, remedy: str, *key: str | int) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.key = key


class Unfits(ValueError):
    """Several values that do not go together, from one model."""

    def __init__(self, faults: list[Unfit]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def shown(value: object) -> str:
    """A value from a file as a message quotes it: short, on one line, and harmless to a terminal."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a section"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}...{text[-1]}"


def as_problem(trouble: Problem | OSError) -> Problem:
    """What the system would not do, as a person is told it; a Problem as it is."""
    if isinstance(trouble, Problem):
        return trouble
    mend = (
        "run it as root"
        if isinstance(trouble, PermissionError) and os.geteuid()
        else "mend that, then run it again"
    )
    where = None if trouble.filename is None else os.fsdecode(trouble.filename)
    return Problem(trouble.strerror or str(trouble), where, mend)
