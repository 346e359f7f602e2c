"""Define the errors that sitekit reports: the problem, its place and its remedy."""

from __future__ import annotations

import os


class Problem(Exception):
    """Report an error to the person who runs the command.

    `what` is one sentence about the error. `where` is a file, line or key. `remedy` is a sentence
    about what to do next. `exit_code` is the exit code of the command, which is 1 for work that
    failed.
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
    """Report input that was refused before anything was changed. The exit code is 2."""

    exit_code = 2


class BadInputs(BadInput):
    """Report all errors of one file together so that the person can correct all of them at
    once."""

    def __init__(self, problems: list[BadInput]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class Unfit(ValueError):
    """Report a value of a YAML file that is not allowed. This error does not contain the file and
    the line.

    `key` is the path of the wrong key, relative to the section or key whose check raises the error.
    validate_yaml.py adds the file and the line.
    """

    def __init__(self, what: str, remedy: str, *key: str | int) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.key = key


class Unfits(ValueError):
    """Report several values in one section of a YAML file that contradict each other."""

    def __init__(self, faults: list[Unfit]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def shown(value: object) -> str:
    """Return a value from a file as text for an error message.

    The text is short, has one line, and contains no control characters that could change a
    terminal.
    """
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
    """Convert an OSError to a Problem with a remedy. A Problem is returned unchanged."""
    if isinstance(trouble, Problem):
        return trouble
    mend = (
        "run it as root"
        if isinstance(trouble, PermissionError) and os.geteuid()
        else "correct that, then run the command again"
    )
    where = None if trouble.filename is None else os.fsdecode(trouble.filename)
    return Problem(trouble.strerror or str(trouble), where, mend)
