"""Define the errors of sitekit: what is wrong, where, and what to do."""

from __future__ import annotations

import os


class Problem(Exception):
    """An error that the administrator has to know.

    `what` is one sentence. `where` is a file, a line or a key. `remedy` is what to do next.
    `exit_code` is the exit code of the command: 1 if its work failed.
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
    """Input that was refused before anything changed. The exit code is 2."""

    exit_code = 2


class BadInputs(BadInput):
    """Several errors in one file, reported together so that one edit can correct them all."""

    def __init__(self, problems: list[BadInput]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class Unfit(ValueError):
    """A value that a model refuses. File and line are not known yet; validate.py adds them.

    `key` is the path of the wrong key, relative to the model or field that raises this error.
    """

    def __init__(self, what: str, remedy: str, *key: str | int) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.key = key


class Unfits(ValueError):
    """Several values of one model that contradict each other."""

    def __init__(self, faults: list[Unfit]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def shown(value: object) -> str:
    """Return a value for an error message: short, on one line, without control characters."""
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
    """Return an error of the operating system as a Problem; return a Problem as it is."""
    if isinstance(trouble, Problem):
        return trouble
    mend = (
        "run it as root"
        if isinstance(trouble, PermissionError) and os.geteuid()
        else "mend that, then run it again"
    )
    where = None if trouble.filename is None else os.fsdecode(trouble.filename)
    return Problem(trouble.strerror or str(trouble), where, mend)
